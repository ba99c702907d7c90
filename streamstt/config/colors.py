"""Colors in settings: what the pages can show."""

import re

COLOR_PATTERN = r"^(#?([0-9A-Fa-f]{3,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})|[A-Za-z]{3,24}|rgba?\([0-9.,%/ ]{5,40}\))$"
"""A CSS color: ``#ffcc00``, ``#000c`` (the last digits are the opacity), ``gold``, ``rgb(0 0 0 / 80%)``."""

# CSS Color Module Level 4, section 6.1; and none: transparent.
_NAMES = """
    aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown burlywood
    cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray
    darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen
    darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue
    firebrick floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew
    hotpink indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan
    lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray
    lightslategrey lightsteelblue lightyellow lime limegreen linen magenta maroon mediumaquamarine mediumblue
    mediumorchid mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred
    midnightblue mintcream mistyrose moccasin navajowhite navy none oldlace olive olivedrab orange orangered orchid
    palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple
    rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue
    slateblue slategray slategrey snow springgreen steelblue tan teal thistle tomato transparent turquoise violet wheat
    white whitesmoke yellow yellowgreen
"""
NAMES = frozenset(_NAMES.split())
EXAMPLES = '"#ffcc00", "gold" or "rgb(255 204 0)"'


def check_color(value: str) -> str:
    """Returns a color that matches ``COLOR_PATTERN``, or an empty text, unchanged.

    Raises:
        ValueError: No color has this name, or ``rgb()`` has not three or four numbers.
    """
    is_name = value.lower() in NAMES or not value
    is_hexadecimal = re.fullmatch(r"#?[0-9A-Fa-f]{3,8}", value) is not None
    is_rgb = value.startswith("rgb") and len(re.findall(r"[0-9.]+%?", value)) in {3, 4}
    if not (is_name or is_hexadecimal or is_rgb):
        raise ValueError(f"unknown color; expected for example {EXAMPLES}")
    return value
