"""The daemon's own copy of hostler.definitions, which a wheel has in a folder of its own.

The importable package belongs to the wheel hostler-definitions, which may be of another version,
or not there at all. Importing this module makes the daemon import its copy; it comes before all
others.
"""

import sys
from pathlib import Path

#: In a wheel, the folder with the copy; it is not there in a checkout.
COPY = Path(__file__).parent.parent / "locations_code"

if COPY.is_dir():
    sys.path.insert(0, str(COPY))  # hostler is a namespace: this adds a part to it
