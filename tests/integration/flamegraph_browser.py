#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Opens a flame graph in a real browser and uses it: search, zoom, inverted view, processes, themes, keys.

usage: flamegraph_browser.py MAKE_PROFILE DIRECTORY
Every number that the page shows is worked out again here from the folded file of the same profile. Exit code 77: skipped.
"""
import collections
import os
import re
import subprocess
import sys
import time
import unittest

import chromium

SKIPPED = 77
STACKS = 4000
HOSTILE = "window.hostile"


def read_folded(path):
    """[(process, [outermost, …, leaf], samples)], without the suffixes that tell kinds apart."""
    stacks = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            names, samples = line.rsplit(" ", 1)
            process, *frames = [re.sub(r"_\[[kij]\]$", "", name) for name in names.split(";")]
            stacks.append((process, frames, int(samples)))
    return stacks


def percent(part, whole):
    return f"{100 * part / whole:.2f} %"


class FlameGraph(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.make_profile, cls.directory = ARGUMENTS
        os.makedirs(cls.directory, exist_ok=True)
        subprocess.run([cls.make_profile, str(STACKS), cls.directory], check=True, stdout=subprocess.DEVNULL)
        cls.stacks = read_folded(os.path.join(cls.directory, "profile.folded"))
        cls.total = sum(samples for _, _, samples in cls.stacks)
        cls.page = chromium.Chromium()

    @classmethod
    def tearDownClass(cls):
        cls.page.close()

    def setUp(self):
        self.page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.page.open(os.path.join(self.directory, "profile.html"))
        self.page.value("localStorage.clear()")
        self.page.open(os.path.join(self.directory, "profile.html"))
        self.page.painted()

    # What the page shows.

    def text(self, element):
        return self.page.value(f"document.getElementById('{element}').textContent")

    def rectangles(self):
        """[(text, samples, depth, x, y)] of what is laid out, x and y in the middle of it, in the window."""
        return self.page.value("""(() => {
            const box = canvas.canvas.getBoundingClientRect(), top = canvas.scroller.scrollTop;
            return canvas.rows.flatMap(row => row.map(({node, x, width}) =>
                [nameOf(node), node.total, node.depth, box.left + x + width / 2, box.top + node.depth * ROW + ROW / 2 - top]));
        })()""")

    def find(self, text, depth=None):
        found = [r for r in self.rectangles() if r[0] == text and (depth is None or r[2] == depth)]
        self.assertTrue(found, f"{text} is not drawn")
        return max(found, key=lambda rectangle: rectangle[1])

    def click(self, rectangle):
        self.page.click(rectangle[3], rectangle[4])
        self.page.painted()

    def by_process(self):
        sums = collections.Counter()
        for process, _, samples in self.stacks:
            sums[process] += samples
        return sums

    def shot(self, name):
        self.page.screenshot(os.path.join(self.directory, f"{name}.png"))

    # The claims.

    def test_header_and_totals_are_those_of_the_profile(self):
        header = self.text("run")
        self.assertIn("builder-7", header)
        self.assertIn("6.1.0-28-amd64", header)
        self.assertIn("100 Hz × 4 CPUs", header)
        self.assertIn(f"{self.total:,}", header)
        self.assertEqual(self.find("all samples")[1], self.total)
        for process, samples in self.by_process().items():
            self.assertEqual(self.find(process, depth=1)[1], samples)
        self.shot("light")

    def test_search_shows_the_share_of_samples(self):
        for query in ("vfs_read", "http::parse_header", "NODE", "a.b*c("):
            self.page.key("Escape")
            self.page.key("/", "/")
            self.assertEqual(self.page.value("document.activeElement.id"), "search")
            self.page.value("document.getElementById('search').value = ''")
            self.page.type(query)
            wanted = query.lower()
            samples = sum(n for process, frames, n in self.stacks
                          if any(wanted in name.lower() for name in [process, *frames]))
            shown = self.text("matched")
            self.assertEqual(shown, f"{percent(samples, self.total)} of samples, {samples:,}")
            if query == "vfs_read":
                self.assertGreater(samples, 0)
                self.shot("search")
        self.page.key("Escape")
        self.assertEqual(self.text("matched"), "")

    def test_a_click_zooms_and_escape_goes_back(self):
        process = self.find("webserver", depth=1)
        self.click(process)
        self.assertEqual(self.page.value("canvas.zoomed.total"), self.by_process()["webserver"])
        start = self.find("_start", depth=2)
        self.click(start)
        self.assertEqual(self.page.value("nameOf(canvas.zoomed)"), "_start")
        expected = sum(n for p, frames, n in self.stacks if p == "webserver" and frames[0] == "_start")
        details = self.text("details")
        self.assertIn(f"{expected:,} samples", details)
        self.assertIn(f"{percent(expected, self.total)} of all", details)
        self.assertIn(f"{percent(expected, self.by_process()['webserver'])} of parent", details)
        self.shot("zoomed")
        self.click(self.find("webserver", depth=1))  # an ancestor: back one step
        self.assertEqual(self.page.value("nameOf(canvas.zoomed)"), "webserver")
        self.page.key("Escape")
        self.assertTrue(self.page.value("canvas.zoomed === state.view.root"))

    def test_tooltip_names_the_module(self):
        rectangle = self.find("__libc_start_main", depth=3)
        self.page.move(rectangle[3], rectangle[4])
        self.page.painted()
        tooltip = self.text("tooltip")
        self.assertIn("__libc_start_main", tooltip)
        self.assertIn("/usr/lib/x86_64-linux-gnu/libc.so.6", tooltip)
        self.shot("tooltip")

    def test_inverted_view_begins_with_leaves(self):
        self.page.key("p", "p")
        self.page.key("i", "i")
        self.page.painted()
        leaves = collections.Counter()
        for process, frames, samples in self.stacks:
            leaves[frames[-1]] += samples
        for name, samples in leaves.most_common(5):
            self.assertEqual(self.find(name, depth=1)[1], samples)
        name = leaves.most_common(1)[0][0]
        callers = collections.Counter()
        for process, frames, samples in self.stacks:
            if frames[-1] == name and len(frames) > 1:
                callers[frames[-2]] += samples
        self.click(self.find(name, depth=1))
        for caller, samples in callers.most_common(3):
            self.assertEqual(self.find(caller, depth=2)[1], samples)
        self.page.key("Escape")
        self.shot("inverted")

    def test_one_process_can_be_chosen(self):
        self.page.value("""(() => {
            const select = document.getElementById('process');
            select.value = [...select.options].find(option => option.text.startsWith('python3')).value;
            select.dispatchEvent(new Event('change'));
        })()""")
        self.page.painted()
        self.assertEqual(self.find("all samples")[1], self.by_process()["python3"])
        self.assertEqual([r[0] for r in self.rectangles() if r[2] == 1], ["python3"])

    def test_without_processes_equal_stacks_are_one(self):
        self.page.key("p", "p")
        self.page.painted()
        outermost = collections.Counter()
        for _, frames, samples in self.stacks:
            outermost[frames[0]] += samples
        for name, samples in outermost.items():
            self.assertEqual(self.find(name, depth=1)[1], samples)

    def test_table_shows_self_and_total(self):
        self.page.key("t", "t")
        own, total = collections.Counter(), collections.Counter()
        for _, frames, samples in self.stacks:
            own[frames[-1]] += samples
            for name in set(frames):
                total[name] += samples
        rows = self.page.value("""[...document.querySelectorAll('#functions tr')].map(row =>
            [...row.cells].map(cell => cell.textContent))""")
        self.assertGreater(len(rows), 20)
        for own_share, total_share, samples, name, _ in rows[:10]:
            self.assertEqual((name, own_share, total_share, samples),
                             (name, percent(own[name], self.total), percent(total[name], self.total), f"{own[name]:,}"))
        self.shot("table")

    def test_theme_follows_the_system_until_it_is_chosen_and_is_remembered(self):
        theme = "document.documentElement.dataset.theme"
        self.assertEqual(self.page.value(theme), "light")
        self.page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        self.page.wait_until(f"{theme} === 'dark'")
        self.shot("dark")
        self.page.key("d", "d")
        self.assertEqual(self.page.value(theme), "light")
        self.page.open(os.path.join(self.directory, "profile.html"))
        self.assertEqual(self.page.value(theme), "light")

    def test_keys_move_and_zoom(self):
        self.page.key("ArrowDown")
        largest = self.by_process().most_common(1)[0]
        self.assertEqual(self.page.value("nameOf(canvas.selected)"), largest[0])
        self.page.key("ArrowRight")
        self.assertEqual(self.page.value("nameOf(canvas.selected)"), self.by_process().most_common(2)[1][0])
        self.page.key("ArrowLeft")
        self.page.key("Enter", "\r")
        self.assertEqual(self.page.value("canvas.zoomed.total"), largest[1])
        self.page.key("r", "r")
        self.assertTrue(self.page.value("canvas.zoomed === state.view.root"))
        self.page.key("?", "?")
        self.assertTrue(self.page.value("document.getElementById('help').open"))
        self.shot("help")
        self.page.key("Escape")
        self.page.wait_until("!document.getElementById('help').open")

    def test_hostile_names_are_text(self):
        self.page.key("/", "/")
        self.page.type(HOSTILE)
        self.assertIn("of samples", self.text("matched"))
        self.assertNotEqual(self.text("matched").split(" ")[0], "0.00")
        self.page.key("Escape")
        self.page.key("t", "t")
        self.click(self.find_hostile_row())
        self.assertIsNone(self.page.value("window.hostile"))
        self.assertEqual(self.page.value("document.images.length"), 0)
        self.assertEqual(self.page.value("document.scripts.length"), 2)

    def find_hostile_row(self):
        box = self.page.value("""(() => {
            const row = [...document.querySelectorAll('#functions button')].find(b => b.textContent.includes('window.hostile'));
            row.scrollIntoView({block: 'center'});
            const box = row.getBoundingClientRect();
            return [box.left + 5, box.top + box.height / 2];
        })()""")
        return [None, None, None, *box]

    def test_nothing_is_loaded_and_nothing_goes_wrong(self):
        requests = [e["params"]["request"]["url"] for e in self.page.events if e.get("method") == "Network.requestWillBeSent"]
        self.assertEqual([url for url in requests if not url.startswith(("file:", "about:"))], [])
        wrong = [e for e in self.page.events if e.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded")
                 and e["params"].get("entry", {}).get("level") != "info"]
        self.assertEqual(wrong, [])

    def test_large_profiles_stay_quick(self):
        directory = os.path.join(self.directory, "large")
        os.makedirs(directory, exist_ok=True)
        subprocess.run([self.make_profile, "20000", directory], check=True, stdout=subprocess.DEVNULL)
        self.page.open(os.path.join(directory, "profile.html"))
        nodes = self.page.value("stacks.count")
        self.assertGreater(nodes, 100000)
        timings = {}
        for name, action in (("load", "setView({})"), ("invert", "setView({inverted: true, byProcess: false})"),
                             ("search", "searchFor('vfs')"), ("draw", "canvas.draw()")):
            timings[name] = self.page.value(f"(() => {{ const t = performance.now(); {action}; return performance.now() - t; }})()")
        print(f"\n{nodes} nodes: " + ", ".join(f"{name} {ms:.0f} ms" for name, ms in timings.items()), file=sys.stderr)
        self.assertLess(max(timings.values()), 20000)  # a hang, not a speed


if __name__ == "__main__":
    if not chromium.find():
        print("SKIPPED: no chromium is installed, so the flame graph is not tried in a browser (apt-get install chromium)")
        sys.exit(SKIPPED)
    ARGUMENTS = [os.path.abspath(argument) for argument in sys.argv[1:3]]
    started = time.monotonic()
    program = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, exit=False)
    print(f"{time.monotonic() - started:.1f} s")
    sys.exit(0 if program.result.wasSuccessful() else 1)
