"""Parses, walks, compiles and prints again a module of Python's own library, then works on its words."""

import ast
import collections
import json
import pathlib
import re
import sys
import sysconfig

FILES = ("inspect.py",)


def main() -> None:
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    words = collections.Counter()
    index = collections.defaultdict(list)
    kept = {}
    for name in FILES:
        text = (library / name).read_text()
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                index[node.id].append((name, node.lineno))
        compile(tree, name, "exec")
        kept[name] = len(ast.unparse(tree))
        for number, line in enumerate(text.splitlines()):
            found = re.findall(r"[A-Za-z_]\w*", line)
            words.update(found)
            for word in found:
                index[word.lower()].append((name, number))
    records = [{"word": w, "count": n, "at": index[w][:20]} for w, n in words.most_common()]
    text = json.dumps(records)
    again = json.loads(text)
    again.sort(key=lambda record: (-len(record["at"]), record["word"]))
    print(len(text), len(again), kept, again[0]["word"], file=sys.stderr)


main()
