// SPDX-License-Identifier: Apache-2.0
//
// The profile's stacks and the views of them. No DOM in this file.
'use strict';

const CLASSES = ['native', 'kernel', 'inlined', 'jit', 'interpreter', 'marker', 'unknown', 'process', 'folded'];
const PROCESS = CLASSES.indexOf('process');
const FOLDED = CLASSES.indexOf('folded');

// Stacks merged from the outermost frame on, as flat arrays. A node is followed by its descendants.
class Stacks {
  constructor(data) {
    this.texts = data.texts;
    this.modules = data.modules;
    this.frames = data.frames;
    this.reasons = data.reasons;
    this.foldedBelow = data.foldedBelow;
    this.frame = Uint32Array.from(data.nodes.frame);
    this.self = Float64Array.from(data.nodes.self);
    const depth = data.nodes.depth;
    const count = depth.length;
    this.count = count;
    this.total = this.self.slice();
    this.parent = new Int32Array(count);
    this.end = new Uint32Array(count);  // one past the last descendant
    this.process = new Uint32Array(count);
    this.processes = [];  // {node, count}
    const path = [];
    const close = (to, at) => { while (path.length > to) this.end[path.pop()] = at; };
    for (let i = 0; i < count; ++i) {
      close(depth[i], i);
      this.parent[i] = path.length ? path[path.length - 1] : -1;
      this.process[i] = path.length ? this.process[path[0]] : this.processes.length;
      if (!path.length) this.processes.push({node: i, count: data.processes[this.processes.length]});
      path.push(i);
    }
    close(0, count);
    for (let i = count - 1; i >= 0; --i) if (this.parent[i] >= 0) this.total[this.parent[i]] += this.total[i];
  }

  text(frame) {
    const kind = this.frames.class[frame];
    if (kind === FOLDED) return `[subtrees below ${this.foldedBelow.toLocaleString('en-US')} samples]`;
    return this.texts[this.frames.text[frame]];
  }
  kind(frame) { return CLASSES[this.frames.class[frame]]; }
  module(frame) { return this.texts[this.modules.path[this.frames.module[frame]]]; }
  buildId(frame) { return this.texts[this.modules.buildId[this.frames.module[frame]]]; }
  file(frame) { return this.texts[this.frames.file[frame]]; }
  reason(frame) { return this.reasons[this.text(frame)] || ''; }

  // Which frames contain `query`, in any case, in their name or their module's.
  matches(query) {
    const wanted = query.toLowerCase();
    return this.frames.text.map((_, frame) => this.text(frame).toLowerCase().includes(wanted) ||
                                              this.module(frame).toLowerCase().includes(wanted));
  }
}

// One way to look at stacks: of which processes, by process or not, callers first or leaves first. Nodes come to be
// when they are first looked at, so that only what is wide enough to be seen costs anything.
class View {
  // `process`: number of the only process to show, or -1.
  constructor(stacks, {process = -1, byProcess = true, inverted = false} = {}) {
    this.stacks = stacks;
    this.process = process;
    this.byProcess = byProcess;
    this.inverted = inverted;
    const shown = stacks.processes.filter((_, i) => process < 0 || i === process).map(p => p.node);
    this.shownProcesses = shown;
    const total = shown.reduce((sum, node) => sum + stacks.total[node], 0);
    this.root = {frame: -1, parent: null, depth: 0, total, self: 0, children: null, places: shown, weights: null};
    if (byProcess) {
      this.root.children = this.group(this.root, shown, null);
      if (inverted) for (const child of this.root.children) this.setLeaves(child, child.places);
    } else if (inverted) {
      this.setLeaves(this.root, shown);
    }
  }

  children(node) {
    if (!node.children) node.children = this.inverted ? this.callers(node) : this.callees(node);
    return node.children;
  }

  // An inverted view begins with every stack's leaf, weighted with the samples that end there.
  setLeaves(node, processes) {
    const {self, end} = this.stacks;
    node.places = [];
    for (const process of processes) {
      for (let i = process; i < end[process]; ++i) if (self[i] > 0) node.places.push(i);
    }
    node.weights = node.places.map(i => self[i]);
    node.start = true;  // its children are the places themselves, not their parents
  }

  callees(node) {
    const {end} = this.stacks;
    const places = [];
    for (const place of node.places) {
      for (let child = place + 1; child < end[place]; child = end[child]) places.push(child);
    }
    return this.group(node, places, null);
  }

  callers(node) {
    const {parent} = this.stacks;
    const places = [], weights = [];
    node.places.forEach((place, i) => {
      const next = node.start ? place : parent[place];
      if (next < 0 || (this.byProcess && parent[next] < 0)) return;  // by process, the process stands above
      places.push(next);
      weights.push(node.weights[i]);
    });
    return this.group(node, places, weights);
  }

  group(parent, places, weights) {
    const {stacks} = this;
    const groups = new Map();
    places.forEach((place, i) => {
      const frame = stacks.frame[place];
      let node = groups.get(frame);
      if (!node) {
        node = {frame, parent, depth: parent.depth + 1, total: 0, self: 0, children: null, places: [], weights: weights && []};
        groups.set(frame, node);
      }
      node.places.push(place);
      node.total += weights ? weights[i] : stacks.total[place];
      if (weights) node.weights.push(weights[i]);
      else node.self += stacks.self[place];
    });
    const nodes = [...groups.values()];
    if (this.inverted || parent.frame < 0) return nodes.sort((a, b) => b.total - a.total);
    return nodes.sort((a, b) => (stacks.text(a.frame) < stacks.text(b.frame) ? -1 : 1));
  }

  // Samples whose stack contains a frame that matches.
  matchedSamples(matches) {
    const {stacks} = this;
    let sum = 0;
    for (const process of this.shownProcesses) {
      for (let i = this.byProcess ? process : process + 1; i < stacks.end[process];) {
        if (matches[stacks.frame[i]]) {
          sum += stacks.total[i];
          i = stacks.end[i];
        } else {
          ++i;
        }
      }
    }
    return sum;
  }

  // Samples by the class of their leaf: {native: …, kernel: …}.
  samplesByClass() {
    const sums = {};
    this.eachNode(i => {
      const kind = this.stacks.kind(this.stacks.frame[i]);
      if (this.stacks.self[i]) sums[kind] = (sums[kind] || 0) + this.stacks.self[i];
    });
    return sums;
  }

  // The functions with the most samples: [{frame, self, total}]; recursion counts once in `total`.
  functions() {
    const {stacks} = this;
    const found = new Map();
    const open = new Map();  // frame → end of its outermost open occurrence
    this.eachNode(i => {
      const frame = stacks.frame[i];
      if (stacks.parent[i] < 0) return;
      let entry = found.get(frame);
      if (!entry) found.set(frame, entry = {frame, self: 0, total: 0});
      entry.self += stacks.self[i];
      if (!(open.get(frame) > i)) {
        entry.total += stacks.total[i];
        open.set(frame, stacks.end[i]);
      }
    });
    return [...found.values()].sort((a, b) => b.self - a.self || b.total - a.total);
  }

  eachNode(visit) {
    for (const process of this.shownProcesses) for (let i = process; i < this.stacks.end[process]; ++i) visit(i);
  }
}
