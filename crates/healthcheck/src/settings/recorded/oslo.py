#!/usr/bin/env python3
"""Record how oslo.config reads files, as oslo.json.

Run in a virtual environment: pip install oslo.config, then:
python oslo.py > oslo.json
"""

import builtins
import glob
import json
import os
import random
import tempfile
from unittest import mock

from oslo_config import cfg

MAIN = "/etc/nova/nova.conf"
NAMES = ["a", "b", "c"]
GROUPS = ["DEFAULT", "g", "h"]


def one(text, *options, **more):
    """A case of one file and the options asked of it."""
    return {"files": {MAIN: text}, "options": list(options), **more}


def option(group, *names, multi=False):
    """An option; further names are deprecated ones, as name or group/name."""
    pairs = [n.split("/") if "/" in n else [group, n] for n in names]
    return {"names": pairs, "multi": multi}


A = option("DEFAULT", "a")
GA = option("g", "a")

WRITTEN = [
    one("[DEFAULT]\na = 1\n", A),
    one("[DEFAULT]\na=1", A),
    one("[DEFAULT]\na : 1\n", A),
    one("[DEFAULT]\na = b: c = d\n", A),
    one("[DEFAULT]\na : b = c\n", A),
    one("[DEFAULT]\na =\n", A),
    one("[DEFAULT]\na = 1\na =\n", A),
    one("[DEFAULT]\na = 1 # kept\n", A),
    one("[DEFAULT]\na = 1 ; kept\n", A),
    one("# a\n; b\n[DEFAULT]\n#a = 1\n;a = 2\n", A),
    one("[DEFAULT]\na = 1\n  # continues\n", A),
    one("[DEFAULT]\na = 1\n# ends\n  x\n", A),
    one("[DEFAULT]\na = 1\n\n  x\n", A),
    one("[DEFAULT]\na = 1\n   \n  x\n", A),
    one("  a = 1\n", A),
    one("a = 1\n", A),
    one("a = 1\n[DEFAULT]\n", A),
    one("[DEFAULT]\na = 1\n  2\n\t3  \nb = 4\n", A, option("DEFAULT", "b")),
    one("[DEFAULT]\na =\n  2\n  3\n", A),
    one("[DEFAULT]\na = 'x'\n  'y'\n", A),
    one("[DEFAULT]\na = 1\n [g]\n", A),
    one("[DEFAULT]\na = 1\n b = 2\n", A, option("DEFAULT", "b")),
    one("[DEFAULT]\na = 'x y'\n", A),
    one('[DEFAULT]\na = "x y"\n', A),
    one("[DEFAULT]\na = \"x'\n", A),
    one("[DEFAULT]\na = 'x' y'\n", A),
    one("[DEFAULT]\na = '\n", A),
    one("[DEFAULT]\na = ''\n", A),
    one("[DEFAULT]\na = '''x'''\n", A),
    one("[DEFAULT]\na = ' x '\n", A),
    one("[g]\na = 1\n[g]\na = 2\n", GA),
    one("[g]\na = 1\n[h]\na = 2\n[g]\nb = 3\n", GA, option("g", "b")),
    one("[G]\na = 1\n", GA, option("G", "a")),
    one("[g]\na = 1\n[G]\na = 2\n", GA),
    one("[default]\na = 1\n", A),
    one("[DEFAULT]\na = 1\n[Default]\na = 2\n", A),
    one("[ g ]\na = 1\n", GA),
    one("[g] \na = 1\n", GA),
    one("[g] # x\na = 1\n", GA),
    one("[g\na = 1\n", GA),
    one("[]\na = 1\n", GA),
    one("[g]]\na = 1\n", option("g]", "a"), GA),
    one("[DEFAULT]\na\n", A),
    one("[DEFAULT]\n= 1\n", A),
    one("[DEFAULT]\n: 1\n", A),
    one("[DEFAULT]\nA = 1\n", A),
    one("[DEFAULT]\na-b = 1\n", option("DEFAULT", "a-b")),
    one("[DEFAULT]\na_b = 1\n", option("DEFAULT", "a-b")),
    one("[DEFAULT]\na-b = 1\na_b = 2\n", option("DEFAULT", "a_b")),
    one("[DEFAULT]\nold-a = 1\n", option("DEFAULT", "a", "old-a")),
    one("[DEFAULT]\nold_a = 1\n", option("DEFAULT", "a", "old-a")),
    one("[DEFAULT]\nold-a = 1\nold_a = 2\n", option("DEFAULT", "a", "old-a")),
    one("[DEFAULT]\nold = 1\na = 2\n", option("DEFAULT", "a", "old")),
    one("[DEFAULT]\na = 2\nold = 1\n", option("DEFAULT", "a", "old")),
    one("[old]\na = 1\n[g]\nb = 1\n", option("g", "a", "old/a")),
    one("[x]\nb=1\n[y]\nc=2\n", option("g", "a", "x/b", "y/c")),
    one("[DEFAULT]\na = 1\na = 2\n", option("DEFAULT", "a", multi=True), A),
    one("[DEFAULT]\na = 1\n  2\na = 'x'\n[DEFAULT]\na = $b\nb = 3\n", option("DEFAULT", "a", multi=True)),
    one("[DEFAULT]\na = $b\nb = 2\n", A),
    one("[DEFAULT]\na = ${b}x\nb = 2\n", A),
    one("[DEFAULT]\na = $b/x\nb = 2\n", A),
    one("[DEFAULT]\na = $b.x\nb = 2\n", A),
    one("[DEFAULT]\na = ${b}.x\nb = 2\n", A),
    one("[DEFAULT]\na = $$b\nb = 2\n", A),
    one("[DEFAULT]\na = \\$b\nb = 2\n", A),
    one("[DEFAULT]\na = \\\\$b $$$b $$$$b\nb = 2\n", A),
    one("[DEFAULT]\na = ${b\nb = 2\n", A),
    one("[DEFAULT]\na = ${} ${ b} $ $1 $- end$\nb = 2\n", A),
    one("[DEFAULT]\na = $B\nb = 2\nB = 3\n", A),
    one("[DEFAULT]\na = $unknown\n", A),
    one("[DEFAULT]\na = x$g.b\n[g]\nb = 2\n", A),
    one("[DEFAULT]\na = ${g.b}y\n[g]\nb = $c\nc = 3\n", A),
    one("[DEFAULT]\na = ${g.b}y\nc = 4\n[g]\nb = $c\n", A),
    one("[DEFAULT]\nb = 1\n[g]\na = $b\n", GA),
    one("[DEFAULT]\nb = 1\n[g]\na = $b\nb = 2\n", GA),
    one("[DEFAULT]\nb = 1\n[g]\na = ${nope.b}\n", GA),
    one("[DEFAULT]\na = $a\n", A),
    one("[DEFAULT]\na = $b\nb = $a\n", A),
    one("[DEFAULT]\na = $b$b\nb = $c$c\nc = x\n", A),
    one("[DEFAULT]\na = $b\nb =\n", A),
    one("[DEFAULT]\na = 'x$b'\n  $b\nb = 2\n", A),
    one("[DEFAULT]\r\na = 1\r\n  2\r\n", A),
    one("[DEFAULT]\ra = 1\r  2\r\rb = 3", A, option("DEFAULT", "b")),
    one("\ufeff[DEFAULT]\na = 1\n", A),
    one("\ufeff# x = y\n[DEFAULT]\na = 1\n", A),
    one("[DEFAULT]\n# \ufeff\na = \ufeff1\n", A),
    one("[DEFAULT]\na = ü\u2028x\nb = 1\n", A),
    one("[DEFAULT]\na = 1\u2028\n", A),
    one("[DEFAULT]\na =\x1f1\x1c\x1d\n", A),
    one("[DEFAULT]\n\x0ba = 1\x0c\n", A),
    one("[DEFAULT]\na = 1\n\xa0\nb = 2\n", A, option("DEFAULT", "b")),
    one("[DEFAULT]\na = 1\x00 2\n", A),
    one("[ÄB]\na = 1\n", option("äb", "a")),
    one("", A),
    one("\n\n", A),
    one("[DEFAULT]\na = 1\n", A, environment={"OS_DEFAULT__A": "2"}),
    one("[DEFAULT]\nb = 1\n", A, environment={"OS_DEFAULT__A": "x$b"}),
    one("[DEFAULT]\na = $b\nb = 1\n", A, environment={"OS_DEFAULT__B": "2"}),
    one("[g]\na = 1\n", GA, environment={"OS_G__A": "2", "OS_g__a": "3", "OS_G_A": "4"}),
    one("[g]\na = 1\n", GA, environment={"OS_G__A": ""}),
    one("[old]\na = 1\n", option("g", "a", "old/a"), environment={"OS_OLD__A": "2"}),
    one("[g]\na = 1\n", GA, environment={"OS_G__A": "'x' "}),
    {"files": {}, "options": [A]},
    {"files": {"/etc/nova.conf": "[DEFAULT]\na=1"}, "options": [A]},
    {
        "files": {
            "/etc/nova/nova.conf": "[DEFAULT]\na=1\nb=1",
            "/etc/nova.conf": "[DEFAULT]\na=2",
            "/etc/nova/nova-conductor.conf": "[DEFAULT]\na=3",
        },
        "options": [A, option("DEFAULT", "b")],
    },
    {
        "files": {
            "/root/.nova/nova.conf": "[DEFAULT]\na=1",
            "/etc/nova/nova.conf": "[DEFAULT]\na=2\nb=2",
            "/root/nova-conductor.conf": "[DEFAULT]\nb=3",
        },
        "options": [A, option("DEFAULT", "b")],
        "environment": {"HOME": "/root"},
    },
    {
        "files": {
            "/etc/nova/nova.conf": "[DEFAULT]\na=1",
            "/etc/nova/nova.conf.d/10.conf": "[DEFAULT]\na=2",
            "/etc/nova/nova.conf.d/09.conf": "[DEFAULT]\na=3",
            "/etc/nova/nova.conf.d/.99.conf": "[DEFAULT]\na=4",
            "/etc/nova/nova.conf.d/99.cfg": "[DEFAULT]\na=5",
            "/etc/nova/nova-conductor.conf.d/1.conf": "[DEFAULT]\nb=6",
        },
        "options": [A, option("DEFAULT", "b")],
    },
    {
        # Default directories are read before the files that are named.
        "files": {
            "/etc/nova/nova.conf": "[DEFAULT]\na=1",
            "/etc/nova/nova.conf.d/1.conf": "[DEFAULT]\na=2\nb=2",
            "/x.conf": "[DEFAULT]\na=3",
        },
        "options": [A, option("DEFAULT", "b"), option("DEFAULT", "a", multi=True)],
        "arguments": ["--config-file", "/x.conf"],
    },
    {
        "files": {
            "/etc/nova/nova.conf": "[DEFAULT]\na=1\nb=1",
            "/etc/nova/nova.conf.d/1.conf": "[DEFAULT]\na=2\nb=2",
            "/d/1.conf": "[DEFAULT]\na=3",
        },
        "options": [A, option("DEFAULT", "b")],
        "arguments": ["--config-dir=/d"],
    },
    {
        "files": {
            "/1.conf": "[DEFAULT]\na=1\nb=1\nc=1",
            "/d/1.conf": "[DEFAULT]\na=2\nb=2\nc=2",
            "/2.conf": "[DEFAULT]\na=3\nb=3",
            "/e/1.conf": "[DEFAULT]\na=4",
        },
        "options": [option("DEFAULT", n) for n in NAMES] + [option("DEFAULT", "a", multi=True)],
        "arguments": ["--config-file=/1.conf", "--config-dir", "/d", "--config-file", "/2.conf", "--config-dir=/e/"],
    },
    {
        "files": {"/1.conf": "[g]\na=1", "/2.conf": "[old]\na=2"},
        "options": [option("g", "a", "old/a"), option("old", "a")],
        "arguments": ["--config-file", "/1.conf", "--config-file", "/2.conf"],
    },
    {
        "files": {"/1.conf": "[DEFAULT]\na=$b\nb=1", "/2.conf": "[DEFAULT]\nb=2"},
        "options": [A],
        "arguments": ["--config-file", "/1.conf", "--config-file", "/2.conf"],
    },
    {
        "files": {"/1.conf": "[DEFAULT]\na=1", "/2.conf": "[DEFAULT]\nb"},
        "options": [A],
        "arguments": ["--config-file", "/1.conf", "--config-file", "/2.conf"],
    },
    {"files": {}, "options": [A], "arguments": ["--config-file", "/missing.conf"]},
    {"files": {}, "options": [A], "arguments": ["--config-dir", "/missing"]},
    {
        "files": {"/root/x.conf": "[DEFAULT]\na=1"},
        "options": [A],
        "environment": {"HOME": "/root"},
        "arguments": ["--config-file", "~/x.conf"],
    },
    {
        "files": {"/etc/x.conf": "[DEFAULT]\na=1"},
        "options": [A],
        "arguments": ["--config-file", "/etc/nova/../x.conf"],
    },
]

GOOD = [
    "a = 1", "a=2", "b : x", "b = $a", "b = ${a}y", "c = $b$a", "c = ${h.a}", "c = $g.b",
    "c = $$a", "c = \\$a", "c = ${a", "c = $1 $", "a = 'q'", 'b = "x', "b = ''", "a = b = c",
    "a = b: c", "a-b = 1", "a b = 2", "A = up", "a = x # y", "a = x ; y", "c =", "a =\x1f1\x1f",
    "b = 'p'", "c = \"$a\"", "a = \tx\t", "a = $c", "b = ${g.c}", "a = ü",
]
CONTINUED = ["  more", "\t$a", "  # more", " 'x'", "  b = 1"]
OTHER = ["", "", "   ", "# c = 1", ";a", "[g]", "[G]", "[h]", "[DEFAULT]", "[default]"]
BAD = ["a", "=x", "[g", "[]", "[g]x", "  x", "\ufeff[g]"]


def generated():
    choose = random.Random(20261122)
    everything = [option(g, n) for g in GROUPS for n in NAMES]
    everything.append(option("DEFAULT", "b", multi=True))
    deprecated = [option("g", "a", "h/b", "DEFAULT/c"), option("g", "c", "b", "h/a-b", "DEFAULT/a")]
    for number in range(500):
        # What a deprecated name registers besides would confuse references.
        references = number % 4 != 0
        files = {}
        for path in choose.choices(["/1.conf", "/2.conf", "/d/1.conf"], k=choose.randint(1, 3)):
            lines = ["[%s]" % choose.choice(GROUPS)]
            for _ in range(choose.randint(0, 8)):
                kind = choose.random()
                if kind < 0.6:
                    lines.append(choose.choice(GOOD))
                    if choose.random() < 0.25:
                        lines.append(choose.choice(CONTINUED))
                    if not references:
                        lines = [line.replace("$", "") for line in lines]
                elif kind < 0.985:
                    lines.append(choose.choice(OTHER))
                else:
                    lines.append(choose.choice(BAD))
            files[path] = choose.choice(["\n", "\n", "\r\n", "\r"]).join(lines)
        arguments = []
        for path in sorted(files, key=lambda _: choose.random()):
            arguments += ["--config-dir", "/d"] if "/d/" in path else ["--config-file", path]
        yield {"files": files, "arguments": arguments, "options": everything if references else deprecated}


def read(case, root):
    """What oslo.config makes of a case, its files beneath root."""
    for path, text in case["files"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "w", newline="", encoding="utf-8") as file:
            file.write(text)
    exists, find = os.path.exists, glob.glob
    cfg.open = lambda path: builtins.open(root + path, encoding="utf-8")
    inside = lambda pattern: [path[len(root):] for path in find(root + pattern)]
    environment = {"HOME": "/nonexistent", **case.get("environment", {})}
    with mock.patch("os.path.exists", lambda path: exists(root + path)), \
         mock.patch("glob.glob", inside), \
         mock.patch.dict(os.environ, environment, clear=True):
        return [value(case, wanted) for wanted in case["options"]]


def value(case, wanted):
    conf = cfg.ConfigOpts()
    conf(case.get("arguments", []), project="nova", prog="nova-conductor")
    # A service registers its options; here, those that are set and asked for.
    set_options = {
        (group, name)
        for sections in conf._namespace._normalized
        for group, names in sections.items()
        for name in names
        if name.isidentifier()
    }
    for name in case.get("environment", {}):
        if name.startswith("OS_") and "__" in name:
            group, key = name[3:].split("__")
            group = group if group == "DEFAULT" else group.lower()
            set_options.add((group, key.lower()))
    (group, name), *deprecated = wanted["names"]
    kind = cfg.MultiStrOpt if wanted["multi"] else cfg.StrOpt
    group = None if group == "DEFAULT" else group
    old = [cfg.DeprecatedOpt(n, group=g) for g, n in deprecated]
    conf.register_opt(kind(name, deprecated_opts=old), group=group)
    dest = name.replace("-", "_")
    for other_group, other in set_options:
        other_group = None if other_group == "DEFAULT" else other_group
        if (other_group, other) != (group, dest):
            conf.register_opt(cfg.StrOpt(other), group=other_group)
    try:
        return (conf[group] if group else conf)[dest]
    except Exception:
        return {"error": True}


def main():
    lines = []
    for case in [*WRITTEN, *generated()]:
        with tempfile.TemporaryDirectory() as root:
            try:
                values = read(case, root)
            except Exception:
                values = None
        lines.append(json.dumps({**case, "values": values}))
    print("[\n" + ",\n".join(lines) + "\n]")


if __name__ == "__main__":
    main()
