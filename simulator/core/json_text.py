"""JSON as Core prints it: three spaces a level, a blank before each colon, short lists on a line of their own. Pure."""

import json

_LINE_WIDTH = 74


def style(value: object, indent: str = "") -> str:
    """Print a value; keys keep their order. There is no newline at the end."""
    deeper = indent + "   "
    if isinstance(value, dict) and value:
        lines = [f"{deeper}{_scalar(key)} : {style(one, deeper)}" for key, one in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, (list, tuple)) and value:
        parts = [style(one, deeper) for one in value]
        line = f"[ {', '.join(parts)} ]"
        if not any("\n" in part for part in parts) and len(parts) * 3 < _LINE_WIDTH and len(line) < _LINE_WIDTH:
            return line
        return "[\n" + ",\n".join(f"{deeper}{part}" for part in parts) + f"\n{indent}]"
    return _scalar(value)


def _scalar(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
