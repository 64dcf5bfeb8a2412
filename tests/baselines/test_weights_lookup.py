"""Weights are found in the package, at a path, or behind a URL that names their bytes, and nowhere else."""

from __future__ import annotations

import hashlib
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from pydantic import BaseModel, Field
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from gifbench_baselines import METHODS
from gifbench_baselines.ccdnet import method
from gifbench_baselines.ccdnet.dither_classifier import DitherClassifier
from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture
from safetensors.torch import load_file

from gifbench import MethodError, UsageError, WeightsError, load_method, save_weights
from gifbench.cli.app import app
from gifbench.methods.conformance import small_gif
from gifbench.training import weights_download
from gifbench.training.trainer_interface import load_trainer
from tests.baselines.conftest import count, save, save_ccdnets, save_classifier

CONFIGS = Path(__file__).parent.parent.parent / "baselines"
LEARNED = sorted(
    name for name, entry in METHODS.items() if entry.load.endswith((".ccdnet.method:CCDNetMethod", ":Pix2Pix"))
)


def save_ccdnet(path: Path, **options) -> Path:
    architecture = CCDNetArchitecture(base=2, **options)
    return save(path, CCDNet(architecture), architecture, licence="CC-BY-4.0")


@pytest.mark.parametrize("name", ["ccdnet", *LEARNED])
def test_without_weights_a_method_says_how_to_get_them(package, name):
    with pytest.raises(MethodError, match=f"gifbench train .*{name}:weights=") as error:
        load_method(name)
    if name != "ccdnet":
        config = str(error.value).split("gifbench train ")[1].split()[0]
        assert CONFIGS.parent.joinpath(config).is_file()


@pytest.mark.parametrize(
    ("method", "what"),
    [
        ("ccdnet-1", "CCDNet"),
        ("ccdnet-plain", "CCDNet"),
        ("ccdnet-video", "temporal fusion network"),
        ("pix2pix", "Pix2Pix"),
        ("superslomo", "SuperSlomo"),
        ("colorize", "colorizer"),
        ("cartoon", "cartoon generator"),
        ("stable:[gif]", "stabilizer"),
    ],
)
def test_weights_of_another_network_are_one_clear_line(tmp_path, method, what):
    path = save_weights(tmp_path / "w.safetensors", torch.nn.Linear(1, 1), architecture={"network": "x"}, about={})
    with pytest.raises(MethodError, match=f"no weights of a {what}; the card says 'x'"):
        load_method(f"{method}{',' if ':' in method else ':'}weights={path}")


@pytest.mark.parametrize("name", [name for name in LEARNED if name != "pix2pix"])
def test_a_row_counts_the_parameters_of_its_configuration(name):
    model = tomllib.loads((CONFIGS / "ccdnet" / f"{name}.toml").read_text())["model"]
    with torch.device("meta"):
        options = {key: value for key, value in model.items() if key in CCDNetArchitecture.model_fields}
        network = CCDNet(CCDNetArchitecture(**options))
    entry = METHODS[name]
    assert entry.parameters == count(network)
    assert entry.attributes["row"] == name and entry.attributes["default_steps"] == model["steps"]
    assert entry.attributes["backbone"] in (None, model.get("backbone", "unet"))


def test_weights_of_the_methods_own_name_come_from_the_package(package):
    save_ccdnet(package / "ccdnet-2.safetensors", steps=2)
    loaded = load_method("ccdnet-2")
    assert (loaded.weights, loaded.licence, loaded.name) == ("ccdnet-2.safetensors", "CC-BY-4.0", "ccdnet-2")
    with pytest.raises(MethodError, match="ccdnet-1"):
        load_method("ccdnet-1")
    named = load_method("ccdnet-3:weights=ccdnet-2")
    assert named.weights == "ccdnet-2.safetensors" and named.weights_sha256 == loaded.weights_sha256


def test_the_router_restores_with_what_lies_in_the_package(package, tmp_path):
    save_ccdnets(package)
    small_gif(3, 20, 24).write(tmp_path / "my.gif")
    result = CliRunner().invoke(app, ["restore", "ccdnet", str(tmp_path / "my.gif"), str(tmp_path / "my.mp4")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "my.mp4").stat().st_size > 500
    before = load_method("ccdnet")
    both = [CCDNet(CCDNetArchitecture(base=2, steps=2, embedded=embedded)) for embedded in (True, False)]
    assert before.parameters == sum(count(each) for each in (*both, DitherClassifier(base=2)))
    save_ccdnet(package / "ccdnet-plain.safetensors", steps=2)
    assert load_method("ccdnet").weights_sha256 != before.weights_sha256, "other weights are another run"


class LighterOptions(BaseModel):
    network: Literal["lighter"] = "lighter"
    levels: int = Field(ge=0, le=9)


class Lighter(torch.nn.Module):
    """Every pixel some levels lighter."""

    def __init__(self, options: LighterOptions) -> None:
        super().__init__()
        self.by = torch.nn.Parameter(torch.tensor(float(options.levels)))

    def forward(self, gif, palettes, *, steps=None, tile=None):
        assert steps is None and palettes.shape[::2] == (len(gif), 3)
        return (gif.float() + self.by) / 127.5 - 1


def test_a_training_starts_from_what_is_there_or_says_how(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no training ran
    config = CONFIGS / "ccdnet" / "ccdnet-3.toml"
    options = load_trainer("ccdnet").options_class(**tomllib.loads(config.read_text())["model"])
    with pytest.raises(WeightsError, match=r"model\.start: there is no file runs/ccdnet-1/.*--set model\.start=FILE"):
        load_trainer("ccdnet")(options)
    model = tomllib.loads((CONFIGS / "ccdnet" / "ccdnet-plain.toml").read_text())["model"] | {"start": "ccdnet-plain"}
    begun = load_trainer("palette-unet")(load_trainer("palette-unet").options_class(**model)).network
    shipped = load_file(CONFIGS / "weights" / "ccdnet-plain.safetensors")
    assert all(torch.equal(tensor.half(), shipped[name]) for name, tensor in begun.state_dict().items())


def test_a_network_of_any_kind_on_the_list_can_be_routed_to(package, monkeypatch):
    monkeypatch.setitem(method.KINDS, "lighter", (LighterOptions, Lighter))
    for name, levels in (("plain", 2), ("dithered", 5)):
        options = LighterOptions(levels=levels)
        save(package / f"ccdnet-{name}.safetensors", Lighter(options), options)
    save_classifier(package)
    gif = small_gif(3, 20, 24)
    (first, *_) = load_method("ccdnet").method.restore(gif, gif.times)
    lighter = (first[0].numpy() - gif.frame(0))[gif.frame(0) < 250]
    assert np.ptp(lighter) < 1e-3 and round(float(lighter.mean()), 3) in (2, 5)
    with pytest.raises(UsageError, match="another network"):
        load_method("ccdnet-1:weights=ccdnet-plain")
    wrong = LighterOptions.model_construct(levels=1000)
    save(package / "ccdnet-plain.safetensors", Lighter(options), wrong)
    with pytest.raises(MethodError, match="levels is '1000'"):
        load_method("ccdnet")


class Server(BaseHTTPRequestHandler):
    """Gives `files` by path, counts requests, and leads /elsewhere to what `elsewhere` says."""

    files: dict[str, bytes]
    elsewhere = ""
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", self.elsewhere)
            self.end_headers()
            return
        body = self.files.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Length", str(len(body or b"") + (100 if self.path.startswith("/cut") else 0)))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *given):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A server on loopback: its handler's class, and the URL that it is at."""
    monkeypatch.setenv("GIFBENCH_CACHE", str(tmp_path / "cache"))
    handler = type("Given", (Server,), {"files": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_weights_behind_a_url_are_fetched_once(site, tmp_path):
    handler, url = site
    data = save_ccdnet(tmp_path / "w.safetensors").read_bytes()
    handler.files["/a/w.safetensors"] = data
    sha256 = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        loaded = load_method(f"ccdnet-1:weights={url}/a/w.safetensors#sha256={sha256}")
        assert loaded.weights == "w.safetensors" and loaded.weights_sha256 == sha256
    assert handler.asked == ["/a/w.safetensors"]
    (kept,) = (tmp_path / "cache").rglob("*.safetensors")
    kept.write_bytes(b"damaged since")
    assert load_method(f"ccdnet-1:weights={url}/a/w.safetensors#sha256={sha256}").weights_sha256 == sha256
    assert not list((tmp_path / "cache").rglob("*.partial"))


def test_what_is_not_what_was_named_is_not_kept(site, tmp_path, monkeypatch):
    handler, url = site
    right = "a" * 64
    handler.files |= {"/other.safetensors": b"other", "/cut.safetensors": b"half", "/large": b"x" * 5000}
    handler.elsewhere = (tmp_path / "secret").as_uri()
    (tmp_path / "secret").write_text("secret")
    monkeypatch.setattr(weights_download, "MOST_BYTES", 1000)
    for name, said in (
        ("other.safetensors", "sha256"),
        ("cut.safetensors", "sha256|broke off"),
        ("large", "more than 1000 bytes"),
        ("missing", "status 404"),
        ("elsewhere", "neither http nor https|cannot be fetched"),
    ):
        with pytest.raises(WeightsError, match=said) as error:
            load_method(f"ccdnet-1:weights={url}/{name}#sha256={right}")
        assert "\n" not in str(error.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for wrong in (f"{url}/other.safetensors", f"{url}/other.safetensors#sha256=12"):
        with pytest.raises(UsageError, match="sha256="):
            load_method(f"ccdnet-1:weights={wrong}")
    with pytest.raises(UsageError, match="http and https only"):
        load_method(f"ccdnet-1:weights=file:///etc/passwd#sha256={right}")
    with pytest.raises(WeightsError, match="cannot be fetched"):
        load_method(f"ccdnet-1:weights=http://127.0.0.1:1/w.safetensors#sha256={right}")
