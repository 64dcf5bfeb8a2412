"""A hook of mkdocs: links from the pages to the rest of the repository hold on the site as they do in the repository.

The pages of other folders that the site shows become pages of it. A link to any other file or folder leads to a page
made for it, which shows the source. What is not there stays as it is, and mkdocs' strict mode names it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = (
    "manifests/README.md",
    "baselines/weights/README.md",
    "benchmarks/README.md",
    "benchmarks/gpu/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "THIRD_PARTY.md",
)
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside, and one for each source that a page links to."""
    for page in PAGES:
        files.append(File(page, str(ROOT), config.site_dir, config.use_directory_urls))
    for file in list(files.documentation_pages()):
        for match in _LINK.finditer(file.content_string):
            source = _in_repository(file.src_uri, match["target"])
            shown = _shown(source)
            own = files.get_file_from_path(source.removeprefix("docs/"))
            if own is None and (ROOT / source).exists() and files.get_file_from_path(shown) is None:
                page = File.generated(config, shown, content=_source_page(source), inclusion=InclusionLevel.NOT_IN_NAV)
                files.append(page)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point each link from a place in the repository to the page of the site that shows it."""

    def moved(match: re.Match[str]) -> str:
        source = _in_repository(page.file.src_uri, match["target"])
        for uri in (source.removeprefix("docs/"), _shown(source)):
            if files.get_file_from_path(uri) is not None:
                start = posixpath.dirname(page.file.src_uri) or "."
                return posixpath.relpath(uri, start) + (match["anchor"] or "")
        return match[0]

    return _LINK.sub(moved, markdown)


def _in_repository(page: str, target: str) -> str:
    """What a link means in the repository, from its root."""
    home = page if page in PAGES else f"docs/{page}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(home), target))


def _shown(source: str) -> str:
    return f"source/{source}.md"


def _source_page(source: str) -> str:
    path = ROOT / source
    listed = [path]
    if path.is_dir():
        listed = [file for file in sorted(path.glob("*.py")) if file.name != "__init__.py"]
    parts = [f"# {source}", ""]
    for file in listed:
        if len(listed) > 1:
            parts += [f"## `{file.name}`", ""]
        parts += [f"~~~~{file.suffix.removeprefix('.')}", file.read_text(encoding="utf-8").rstrip(), "~~~~", ""]
    return "\n".join(parts)
