"""How all charts look."""

WIDTH, HEIGHT = 760, 220
"Pixels: three charts above each other fill a screen, and fit a page across."

FONTS = (
    "Noto Sans CJK SC, Noto Sans SC, Microsoft YaHei, PingFang SC, WenQuanYi Micro Hei,"
    " WenQuanYi Zen Hei, sans-serif"
)
"The first that the machine has; all but the last show Chinese."

BLUE, ORANGE, GREY = "#2b6cb0", "#dd6b20", "#718096"

PALETTE = (
    "#2b6cb0",
    "#dd6b20",
    "#2f855a",
    "#b83280",
    "#6b46c1",
    "#b7791f",
    "#0987a0",
    "#c53030",
    "#4a5568",
    "#68733a",
)
"Ten that are told apart on white, on screen and in print; more lines nobody follows."
