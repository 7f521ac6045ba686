"""The pages that people read, taken apart: their blocks, commands, links and trees."""

import dataclasses
import re
import shlex

from conftest import ROOT
from markdown_it import MarkdownIt

# What a comment before a block may say of it. Of code: `slow`, `not run`, each with a
# reason; `file` with its name, of Python that is saved. Of text: `output` is what the
# block before it prints, `tree` names files.
MARKS = ("slow", "not run", "file", "output", "tree")
MARK = re.compile(rf"<!-- ({'|'.join(MARKS)})(?:: (.+?))? -->\s*")
CODE = ("bash", "python")
TEXT = ("text", "bibtex")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page: where it is, its language, and the mark before it."""

    page: str
    line: int
    language: str
    text: str
    mark: str | None
    reason: str | None

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def commands(self):
        """The commands of a bash block, each a list of words."""
        joined = self.text.replace("\\\n", " ")
        words = [shlex.split(line, comments=True) for line in joined.splitlines()]
        return [command for command in words if command]


def tokens(page):
    """What markdown-it finds in a page, the parts of paragraphs after these."""
    parser = MarkdownIt("commonmark").enable("table")
    for token in parser.parse((ROOT / page).read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(page):
    """All blocks of a page, in order, indented ones as blocks without a language."""
    before = None
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            said = MARK.fullmatch(before.content) if before else None
            mark, reason = said.groups() if said else (None, None)
            line = token.map[0] + 1
            language = token.info.strip()
            yield Block(page, line, language, token.content, mark, reason)
        before = token if token.type == "html_block" else None


def code_spans(page):
    """The code within the sentences and tables of a page."""
    return [token.content for token in tokens(page) if token.type == "code_inline"]


def links(page):
    """Where links and pictures of a page lead, without those to other hosts."""
    found = [t.attrs.get("href") or t.attrs.get("src") for t in tokens(page)]
    return [link for link in found if link and not re.match(r"\w+:", link)]


def anchors(page):
    """The anchors of a page's headings, as GitHub names them."""
    is_heading = False
    for token in tokens(page):
        if is_heading and token.type == "inline":
            words = re.sub(r"[^\w\- ]", "", token.content.lower())
            yield words.replace(" ", "-")
        is_heading = token.type == "heading_open"


def tree(block):
    """The paths that a drawn tree names, relative to its root."""
    above = {}  # the folder, by the indentation of what is in it
    for line in block.text.splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split()
        depth = len(line) - len(line.lstrip())
        outer = [d for d in above if d < depth]
        folder = above[max(outer)] if outer else ""
        paths = [f"{folder}{name}" for name in names]
        above = {d: f for d, f in above.items() if d < depth} | {depth: paths[-1]}
        yield from paths


def in_order():
    """README and the pages that it leads to, in the order in which it names them."""
    pages = [link for link in links("README.md") if re.fullmatch(r"docs/\w+\.md", link)]
    return ["README.md", *dict.fromkeys(pages)]
