"""Names, colours, dashes and markers that all figures of the report share.

Lines differ in colour (Okabe and Ito's palette, for the colour-blind), in dashes and in
markers, so that they can be told apart in grey print too.
"""

from matplotlib import ticker

WIDTH, NARROW_WIDTH = 10.5, 4.2  # inches, of figures on a page, on a narrow screen
NAMES = {"ST": "ST", "M": "M", "ensemble": "Ens"}
WEIGHT_STYLES = {  # colour, dashes, marker
    1.0: ("#D55E00", "--", "s"),
    0.1: ("#E69F00", "-.", "^"),
    0.01: ("#0072B2", "-", "o"),
    0.0001: ("#009E73", ":", "D"),
}
OTHER_STYLE = ("#CC79A7", (0, (5, 1, 1, 1, 1, 1)), "v")  # weights not of the paper
GREYS = {
    "ST": ("#9a9a9a", "-", "x"),
    "M": ("#6b6b6b", "--", "+"),
    "ensemble": ("#111111", "-", None),
}
CLOSE_STYLES = {  # the three models of L2 0.01
    "ST": ("#D55E00", "-", "^"),
    "M": ("#0072B2", "-", "s"),
    "ensemble": ("#009E73", "-", "o"),
}
CLEAR = {True: "#009E73", False: "#D55E00", None: "#444444"}  # fewer errors, more, open
CLEAR_MARKERS = {True: "<", False: ">", None: "o"}  # for print in grey too

_TICKS = (1, 2, 3, 5, 7)  # times powers of ten, of a logarithmic axis
_FEW = 3  # a factor that an axis may span and have few of these


def ruled(axes, axis="both"):
    """Draws light lines at the numbers of the axes, behind all else, and these small.

    Args:
        axis: "both", or the "x" or "y" whose numbers have lines.
    """
    axes.grid(axis=axis, color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", labelsize=8)


def by_factors(axis):
    """Labels a logarithmic axis that may span less than a decade by plain numbers."""
    low, high = axis.get_data_interval()
    if high > _FEW * low:
        axis.set_major_locator(ticker.LogLocator(subs=_TICKS, numticks=9))
    else:
        axis.set_major_locator(ticker.MaxNLocator(10, steps=[1, 2, 5, 10]))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(ticker.NullFormatter())


def of_weight(alpha):
    """Colour, dashes and marker of a collaboration weight."""
    return WEIGHT_STYLES.get(alpha, OTHER_STYLE)
