#!/usr/bin/env python3
"""Record how Python's configparser and bash read files, as files.json.

Needs nothing but Python and bash: python files.py > files.json
"""

import configparser
import json
import random
import subprocess

INI = [
    "[DEFAULT]", "[a]", "[b:c]", "  [a]", "[d]]", "x = 1", "X: 2", "y = a = b", "y : $x %(x)s", "z=",
    "  x = 3", "    more", "\tmore", "# x = 4", "  ; x = 5", "", "", "   ", "z = 'q' ; c", "y=\t1 # 2 ",
]
SHELL = [
    "A=1", "A='b c'", 'A="b c"', 'A="b \\" \\$ \\\\ \\x"', "A='b \\' # c", "A=b\\ c", "export A=2",
    "  B='x'\"y\"z", "B=", "# A=3", "", "B=x#y", "B=x # y", "A='two\nlines'", 'B="two\\\nlines"',
    "A=a=b", "  # B=4", "B=\"it's\"", "B='say \"x\"'", "A=/x/y:z,w",
]


def ini(text):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    values = {}
    for section in ["DEFAULT", *parser.sections()]:
        for key, value in parser[section].items():
            values.setdefault(section, {})[key] = " ".join(value.split())
    return values


def shell(text):
    script = text + '\nprintf "%s\\0%s" "$A" "$B"'
    ran = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True)
    if ran.returncode or ran.stderr:
        raise ValueError(ran.stderr)
    return {"": dict(zip("AB", ran.stdout.split("\0")))}


def main():
    choose = random.Random(20261122)
    lines = []
    while len(lines) < 400:
        name, read, pieces = [("ini", ini, INI), ("sysconfig", shell, SHELL)][len(lines) % 2]
        text = "\n".join(choose.choices(pieces, k=choose.randint(1, 9)))
        text = "[DEFAULT]\n" + text if name == "ini" else text
        try:
            values = read(text)
        except (configparser.Error, ValueError):
            continue
        lines.append(json.dumps({"format": name, "text": text, "values": values}))
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
