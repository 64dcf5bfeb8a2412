"""The stabilizer: its published size, untrained it changes nothing, and any method is wrapped by its name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.stabilizer.network import Stabilizer, StabilizerArchitecture

from gifbench import MethodError, UsageError, load_method, save_weights
from gifbench.cli.app import app
from gifbench.methods.conformance import small_gif
from tests.baselines.conftest import assert_contract_is_kept, count, frames_of, save
from tests.baselines.test_interpolation import as_gif, photograph

pytestmark = pytest.mark.usefixtures("one_thread")


SMALL = StabilizerArchitecture(base=2)


@pytest.fixture
def package(package):
    """The package's folder of weights, with a stabilizer that changes nothing."""
    saved(package / "stable.safetensors")
    return package


def saved(path, *, loud=0.0):
    torch.manual_seed(0)
    network = Stabilizer(SMALL)
    if loud:
        torch.nn.init.normal_(network.out.weight, std=loud)
    return save(path, network, SMALL, half=True, licence="CC0-1.0")


def moving():
    return as_gif([photograph(3 * i, height=40, width=56) for i in range(4)])


def test_it_has_the_papers_number_of_parameters():
    with torch.device("meta"):
        assert count(Stabilizer(StabilizerArchitecture())) == 2_979_555


def test_only_the_processed_branch_hands_details_to_the_decoder():
    """A change of the input alone, small and far away, reaches a pixel through the joint layers only."""
    network = Stabilizer(SMALL).eval()
    torch.nn.init.normal_(network.out.weight)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        network.joint.weight.zero_()
        plain, _ = network((x, x), x, x, None)
        other, _ = network((1 - x, x), x, x, None)
        changed, _ = network((x, x), x, 1 - x, None)
    assert torch.equal(plain, other)
    assert not torch.equal(plain, changed)


def test_untrained_it_changes_nothing(package):
    gif, times = moving(), [Fraction(i, 20) for i in range(7)]
    for name in ("gif", "gaussian-0.5", "gif2video:color=gaussian-0.5,time=blend"):
        assert np.abs(frames_of(f"stable:{name}", gif, times) - frames_of(name, gif, times)).max() < 1e-3


def test_propagation_steadies_what_stands_still_and_keeps_off_a_cut(package):
    """A method that flickers over a still picture: untrained, the network changes nothing, and propagation does."""
    still = as_gif([photograph(0, height=40, width=56)] * 5 + [255 - photograph(9, height=40, width=56)])
    flicker = package / "flicker.py"
    flicker.write_text(
        "import numpy as np\nclass Flicker:\n    def restore(self, gif, times):\n"
        "        for i, _ in enumerate(times):\n"
        "            yield np.clip(gif.frame(i).astype(float) + 10 * (-1) ** i, 0, 255)[None]\n"
    )
    plain = frames_of(f"stable:[{flicker}:Flicker]", still, still.times)
    steady = frames_of(f"stable:[{flicker}:Flicker],propagate=0.8", still, still.times)
    assert np.abs(np.diff(steady[:5], axis=0)).mean() < 0.5 * np.abs(np.diff(plain[:5], axis=0)).mean()
    assert np.abs(steady[5] - plain[5]).max() < 1e-3  # the scene has changed
    with pytest.raises(UsageError, match=r"propagate must be 0 to 0\.9"):
        load_method("stable:[gif],propagate=1")


def test_only_colors_are_steadied_where_that_is_asked(tmp_path):
    weights = saved(tmp_path / "w.safetensors", loud=0.3)
    gif, light = moving(), np.array([0.299, 0.587, 0.114])
    shown = frames_of("gif", gif, gif.times)
    frames, colors = (
        frames_of(f"stable:[gif],weights={weights},propagate=0.5{more}", gif, gif.times)
        for more in ("", ",only_colors=true")
    )
    inside = ((colors > 1) & (colors < 254)).all(axis=-1)  # nothing was cut off
    assert inside.mean() > 0.3
    assert np.abs(frames @ light - shown @ light).max() > 1
    assert np.abs(colors @ light - shown @ light)[inside].max() < 0.1
    assert np.abs(colors - shown)[inside].max() > 1


def test_what_is_held_stays_as_it_is_and_motion_does_not(tmp_path):
    weights = saved(tmp_path / "w.safetensors", loud=0.3)
    out = frames_of(f"stable:[gif],weights={weights}", moving(), [Fraction(i, 30) for i in range(10)])
    for group in (out[0:3], out[3:6], out[6:9]):
        assert np.array_equal(group[0], group[1]) and np.array_equal(group[0], group[2])
    assert np.abs(out[3] - frames_of("gif", moving(), [Fraction(1, 10)])[0]).max() > 1
    assert np.array_equal(out[0], frames_of("gif", moving(), [Fraction(0)])[0]), "the first frame is the method's own"


def test_it_begins_anew_at_a_cut(tmp_path):
    weights = saved(tmp_path / "w.safetensors", loud=0.3)
    scenes = [photograph(0), photograph(3), 255 - np.rot90(photograph(0), 2), 255 - np.rot90(photograph(3), 2)]
    gif = as_gif(scenes)
    out = frames_of(f"stable:[gif],weights={weights}", gif, gif.times)
    assert np.array_equal(out[2], gif.frames[2])
    after = as_gif(scenes[2:])
    assert np.array_equal(out[3], frames_of(f"stable:[gif],weights={weights}", after, after.times)[1])


@pytest.mark.parametrize("loud", [0.3, 1e4])
def test_it_keeps_the_contract(tmp_path, loud):
    weights = saved(tmp_path / "w.safetensors", loud=loud)
    assert_contract_is_kept(f"stable:[gif],weights={weights}")


def test_where_the_network_explodes_the_frame_stays_as_it_came(tmp_path):
    network = Stabilizer(SMALL)
    torch.nn.init.normal_(network.out.weight)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1e12)
    path = save(tmp_path / "w.safetensors", network, SMALL)
    gif = moving()
    assert np.array_equal(frames_of(f"stable:[gif],weights={path}", gif, gif.times), gif.frames)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("stable:gif", "stable:gif"),
        ("stable:gaussian:sigma=0.7", "stable:gaussian:sigma=0.7"),
        ("stable:gaussian:sigma=0.5", "stable:gaussian-0.5"),
        ("stable:method=gaussian:sigma=0.7", "stable:gaussian:sigma=0.7"),
        ("stable:[gaussian:sigma=0.7]", "stable:gaussian:sigma=0.7"),
        ("stable:[gaussian:sigma=0.7], precision=bf16", "stable:[gaussian:sigma=0.7],precision=bf16"),
        ("stable:gif,precision=bf16", "stable:gif,precision=bf16"),
        ("stable:gif2video:color=gif,time=dis:blur=2", "stable:gif2video:color=gif,time=dis:blur=2.0"),
        ("stable:stable:gif", "stable:stable:gif"),
        ("gif2video:color=stable:gaussian-0.5,time=dis", "gif2video:color=stable:gaussian-0.5,time=dis"),
        ("gif2video:color=[stable:[gaussian-0.5],precision=bf16],time=dis", None),
    ],
)
def test_a_wrapped_method_has_one_name_that_loads_again(package, text, name):
    method = load_method(text)
    assert name in (None, method.name)
    assert load_method(method.name) == method


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stable", "needs the option method"),
        ("stable:gausian-0.5", "did you mean|there is no method"),
        ("stable:gif,method=gif", "given twice"),
        ("stable:gif,gaussian", "is no option"),
        ("gaussian:0.7", '"0.7" is no option: write gaussian:option=value'),
        ("gif2video:dis", '"dis" is no option'),
        ("stable:[gif", "brackets"),
    ],
)
def test_what_cannot_be_wrapped_is_said_in_one_line(package, text, said):
    with pytest.raises((UsageError, MethodError), match=said) as error:
        load_method(text)
    assert "\n" not in str(error.value)


def test_what_is_said_of_it_is_of_both(package):
    loaded = load_method("stable:gaussian-0.5")
    assert loaded.licence == "MIT + CC0-1.0"
    assert (loaded.parameters, loaded.weights) == (count(Stabilizer(SMALL)), "stable.safetensors")
    assert load_method("stable:dis").tasks is None


def test_without_weights_it_says_how_to_get_them(package):
    (package / "stable.safetensors").unlink()
    with pytest.raises(MethodError, match=r"gifbench train baselines/stabilizer/stable\.toml .*stable:weights="):
        load_method("stable:gif")


def test_the_command_restores_through_it_also_a_method_in_a_file(package, tmp_path):
    from typer.testing import CliRunner

    mine = tmp_path / "mine.py"
    mine.write_text("class Mine:\n    def restore_frames(self, frames, palettes):\n        return frames // 2\n")
    small_gif(4, 24, 32).write(tmp_path / "in.gif")
    for method in ("stable:gaussian:sigma=0.7", f"stable:{mine}:Mine", f"gif2video:color={mine}:Mine,time=dis"):
        out = tmp_path / f"{len(method)}.mkv"
        result = CliRunner().invoke(app, ["restore", method, str(tmp_path / "in.gif"), str(out)])
        assert result.exit_code == 0, result.output
        assert out.stat().st_size > 500


def test_weights_of_0_1_0_spell_the_network_otherwise_and_new_ones_do_not(tmp_path):
    network = Stabilizer(SMALL)
    assert SMALL.network == "stabilizer"
    for spelled in ("stabiliser", "stabilizer"):
        card = {**SMALL.model_dump(), "network": spelled}
        path = save_weights(tmp_path / f"{spelled}.safetensors", network, architecture=card, about={})
        assert load_method(f"stable:gif,weights={path}").parameters == count(network)
