"""Who knows how full a replica's volume is? A shell beside Core that reads it, and the gate, which tells the scaler.

No right of the API and no port come with it: the shell sees the volume, writes one number where the gate reads it, and
the gate's statistics have it beside those of readers. There only where storage.autoGrow asks for it.
"""

from typing import Any

from controller.core_config.core_config import CoreSettings
from controller.observed.labels import VOLUME

WATCH = "volume-watch"
SPACE_FOLDER = "/var/run/readpool"
SPACE_FILE = f"{SPACE_FOLDER}/used"
SPACE_VOLUME = "space"
WATCH_SECONDS = 15

# The gate reads a file that is put in place of another as a whole. Half a per cent more, since it cuts off fractions.
_SCRIPT = f"""\
trap 'exit 0' TERM INT
while :; do
  line=$(df -P "$1" | tail -n 1)
  used=${{line%\\%*}}
  used=${{used##* }}
  case $used in
    100) number=1 ;;
    [0-9]) number=0.0${{used}}5 ;;
    [0-9][0-9]) number=0.${{used}}5 ;;
    *) number= ;;
  esac
  [ -z "$number" ] || {{ printf %s "$number" > "$2.new" && mv -f "$2.new" "$2"; }}
  sleep {WATCH_SECONDS} &
  wait $!
done
"""


def build_volume_watch(core: dict[str, Any]) -> dict[str, Any]:
    """Build the container that reads how full the volume is; `core` is another of the same image and rights."""
    data = CoreSettings().data_folder
    return {
        "name": WATCH,
        "image": core["image"],
        "imagePullPolicy": core["imagePullPolicy"],
        "restartPolicy": "Always",  # beside the others, though it stands before them
        "terminationMessagePolicy": core["terminationMessagePolicy"],
        "command": ["sh", "-c", _SCRIPT, WATCH, data, SPACE_FILE],
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "32Mi"}},
        "securityContext": core["securityContext"],
        "volumeMounts": [
            {"name": VOLUME, "mountPath": data, "readOnly": True},
            {"name": SPACE_VOLUME, "mountPath": SPACE_FOLDER},
        ],
    }


def build_space_volume() -> dict[str, Any]:
    """Build the volume of the one number."""
    return {"name": SPACE_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}


def build_space_mount() -> dict[str, Any]:
    """Build how the gate sees it."""
    return {"name": SPACE_VOLUME, "mountPath": SPACE_FOLDER, "readOnly": True}
