# SPDX-License-Identifier: Apache-2.0
"""package.py FOLDER MODULES FUNCTIONS [addresses]: a package of so many modules with so many functions each, written to
FOLDER and imported: a program as large as one with Django. No two functions have a name or file in common. Executes all
of them, one after another, for ever; or prints where their code objects are and waits for its input to end."""

import importlib
import os
import sys

BODY = '''
    total = 0
    for number in range(count):
        if number % 3 == 0:
            total += number
        else:
            total -= 1

    while total > 100:
        total //= 2
    return total
'''


def write(folder, modules, functions):
    package = os.path.join(folder, "site_of_many_parts")
    os.makedirs(package, exist_ok=True)
    open(os.path.join(package, "__init__.py"), "w").close()
    for m in range(modules):
        with open(os.path.join(package, f"views_{m:03}.py"), "w") as out:
            for f in range(functions):
                out.write(f"class Handler{m:03}_{f:02}:\n" if f % 2 else "")
                text = f"def answer_request_{m:03}_{f:02}(count):{BODY}\n"
                out.write(text.replace("\n    ", "\n        ").replace("def", "    @staticmethod\n    def", 1) if f % 2 else text)


def load(modules, functions):
    found = []
    for m in range(modules):
        module = importlib.import_module(f"site_of_many_parts.views_{m:03}")
        for f in range(functions):
            owner = getattr(module, f"Handler{m:03}_{f:02}") if f % 2 else module
            found.append(getattr(owner, f"answer_request_{m:03}_{f:02}"))
    return found


def main():
    folder, modules, functions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    write(folder, modules, functions)
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    everything = load(modules, functions)
    if sys.argv[4:] == ["addresses"]:
        print(*(id(f.__code__) for f in everything), flush=True)
        sys.stdin.read()
        return
    print("ready", flush=True)
    while True:
        for function in everything:
            function(400)


main()
