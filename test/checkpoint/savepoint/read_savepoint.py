"""Prints what pyarrow sees of an Arrow file: its columns, then its rows, as JSON."""

import base64
import datetime
import json
import sys

import pyarrow as pa


def plain(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


for path in sys.argv[1:]:
    with pa.memory_map(path) as source:
        table = pa.ipc.open_file(source).read_all()
    table.validate(full=True)
    print(json.dumps({"columns": table.column_names, "rows": [plain(row) for row in table.to_pylist()]}))
