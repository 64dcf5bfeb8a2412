"""Results say which gifbench wrote them."""

from __future__ import annotations

import shutil

from gifbench import gifbench_version
from gifbench.gifbench_version import code_record


def test_the_code_of_gifbench_is_known_by_version_and_hash():
    record = code_record()
    assert len(record.sha256) == 64
    assert record.version == "0.1.0"
    assert record.commit is None or len(record.commit.rstrip("+")) == 40


def test_an_installed_package_has_no_commit_and_a_checkout_without_git_neither(tmp_path, monkeypatch):
    monkeypatch.setattr(gifbench_version, "_PACKAGE", tmp_path / "gifbench")
    assert gifbench_version._commit() is None
    (tmp_path / ".git").mkdir()
    assert gifbench_version._commit() is None, "git says that this is no repository"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gifbench_version._commit() is None, "there is no git"


def test_the_hash_is_of_files_that_are_there(tmp_path, monkeypatch):
    for part in gifbench_version._MATTERS:
        assert (gifbench_version._PACKAGE / part).exists(), f"{part}: what scores depend on has moved"
    copy = tmp_path / "gifbench"
    shutil.copytree(gifbench_version._PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(gifbench_version, "_PACKAGE", copy)
    before = code_record.__wrapped__().sha256
    with (copy / "metrics" / "ssim.py").open("a") as file:
        file.write("# another SSIM\n")
    assert code_record.__wrapped__().sha256 != before
