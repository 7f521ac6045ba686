"""What people do with a page in a tab: choose files, go by keyboard."""

# The outline of what has the focus; a file's input is hidden, and its label has it.
OUTLINE = """(({ activeElement: e }) => getComputedStyle(
    e.type === "file" ? e.nextElementSibling : e).outlineStyle)(document)"""


def given(tab, paths):
    """Chooses files; the captions of the tiles that they give, the lines of refusal."""
    tab.run("delete document.body.dataset.taken")
    tab.choose("#files", paths)
    tab.wait("document.body.dataset.taken")
    texts = "Array.from(document.querySelectorAll('{}'), (e) => e.textContent)"
    return (
        tab.run(texts.format("#tiles button")),
        tab.run(texts.format("#problems p")),
    )


def focus(tab, presses):
    """What has the focus after so many presses of the tabulator: ids or texts."""
    said = []
    for _ in range(presses):
        tab.press("Tab", code=9)
        assert tab.run(OUTLINE) == "solid"
        said.append(
            tab.run("document.activeElement.id || document.activeElement.textContent")
        )
    return said
