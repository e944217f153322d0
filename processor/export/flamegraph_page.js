// SPDX-License-Identifier: Apache-2.0
//
// The page: reads the data, wires controls, mouse and keyboard to the view.

const byId = id => document.getElementById(id);
const data = JSON.parse(byId('data').textContent);
const stacks = new Stacks(data);
const canvas = new FlameCanvas(byId('scroller'), byId('canvas'), byId('spacer'));
const state = {view: null, options: {process: -1, byProcess: true, inverted: false}};

function nameOf(node) { return node.frame < 0 ? 'all samples' : stacks.text(node.frame); }

// ---- What is shown ----

function setView(options) {
  state.options = {...state.options, ...options};
  state.view = new View(stacks, state.options);
  canvas.hovered = null;
  canvas.selected = null;
  byId('by-process').setAttribute('aria-pressed', state.options.byProcess);
  byId('invert').setAttribute('aria-pressed', state.options.inverted);
  byId('process').value = state.options.process;
  zoom(state.view.root);
  showLegend();
  showMatches();
  if (!byId('table').hidden) showTable(true);
}

function zoom(node) {
  canvas.show(state.view, node);
  canvas.scroller.scrollTop = Math.max(0, (node.depth - 4) * ROW);
  byId('reset').disabled = node === state.view.root;
  describe(node);
}

function select(node) {
  if (!node) return;
  canvas.selected = node;
  canvas.scrollTo(node);
  canvas.schedule();
  describe(node);
}

function reset() {
  byId('search').value = '';
  setView({process: -1, byProcess: true, inverted: false});
}

function showMatches() {
  const query = byId('search').value;
  const matches = query ? stacks.matches(query) : null;
  canvas.matches = matches;
  canvas.schedule();
  const total = state.view.root.total;
  const sum = matches ? state.view.matchedSamples(matches) : 0;
  byId('matched').textContent = matches ? `${percentText(sum, total)} of samples, ${countText(sum)}` : '';
}

function searchFor(text) {
  byId('search').value = text;
  showMatches();
}

function showFunction(text) {
  searchFor(text);
  showTable(false);
}

function showTable(visible) {
  byId('table').hidden = !visible;
  byId('graph').hidden = visible;
  byId('show-table').setAttribute('aria-pressed', visible);
  if (visible) fillTable(byId('functions'), state.view, showFunction);
  else canvas.show(state.view, canvas.zoomed);
}

// ---- What a node is ----

function facts(node) {
  const total = state.view.root.total;
  const shares = [`${countText(node.total)} samples`, `${percentText(node.total, total)} of all`];
  if (node.parent && node.parent !== state.view.root) shares.push(`${percentText(node.total, node.parent.total)} of parent`);
  if (node.self) shares.push(`${percentText(node.self, total)} itself`);
  return shares.join(' · ');
}

function origin(node) {
  if (node.frame < 0) return '';
  const kind = stacks.kind(node.frame);
  if (kind === 'process') {
    const known = stacks.processes.filter(one => stacks.frame[one.node] === node.frame);
    const count = known.reduce((sum, one) => sum + one.count, 0);
    return count === 1 ? '1 process' : `${countText(count)} processes of this name`;
  }
  if (kind === 'marker') return stacks.reason(node.frame) || 'frames are missing here';
  return [kind, stacks.module(node.frame), stacks.file(node.frame)].filter(text => text).join(' · ');
}

function describe(node) {
  byId('details').replaceChildren(element('strong', {}, nameOf(node)), element('span', {}, facts(node)),
                                  element('span', {className: 'faint'}, origin(node)));
}

function showTooltip(node, x, y) {
  const tooltip = byId('tooltip');
  tooltip.hidden = !node;
  if (!node) return;
  const buildId = node.frame >= 0 && stacks.buildId(node.frame);
  tooltip.replaceChildren(element('strong', {}, nameOf(node)), element('span', {}, facts(node)),
                          element('span', {className: 'faint'}, origin(node)));
  if (buildId) tooltip.append(element('span', {className: 'faint'}, `build id ${buildId.slice(0, 16)}`));
  const room = document.documentElement;
  tooltip.style.left = `${Math.max(8, Math.min(x + 14, room.clientWidth - tooltip.offsetWidth - 8))}px`;
  const below = y + 18 + tooltip.offsetHeight < room.clientHeight;
  tooltip.style.top = `${below ? y + 18 : y - tooltip.offsetHeight - 10}px`;
}

function showLegend() {
  const sums = state.view.samplesByClass();
  const chips = CLASSES.filter(kind => sums[kind]).map(kind => element(
      'li', {}, element('span', {className: `swatch ${kind}`}), `${kind} ${percentText(sums[kind], state.view.root.total)}`));
  byId('legend').replaceChildren(...chips);
}

// ---- The header ----

function showRun(run) {
  document.title = `${run.target || 'profile'} on ${run.host || 'this host'} – splitprof`;
  byId('target').textContent = run.target;
  const taken = run.samples + run.lost;
  const facts = [
    ['Host', run.host], ['Kernel', [run.kernel, run.architecture].filter(text => text).join(' ')],
    ['Taken', run.startedMs ? new Date(run.startedMs).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'}) : ''],
    ['Duration', run.durationNs ? `${(run.durationNs / 1e9).toFixed(1)} s` : ''],
    ['Rate', run.hz ? `${run.hz} Hz × ${run.cpus} CPU${run.cpus === 1 ? '' : 's'}` : ''],
    ['Samples', countText(run.samples)], ['Whole stacks', `${run.wholePercent.toFixed(2)} %`],
    ['Named', `${run.namedPercent.toFixed(2)} %`], ['Lost', `${countText(run.lost)} (${percentText(run.lost, taken)})`],
  ];
  byId('run').replaceChildren(...facts.filter(([, text]) => text).map(([name, text]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, text))));
  byId('version').textContent = `splitprof ${run.version}`;
}

function showProcesses() {
  const total = stacks.processes.reduce((sum, one) => sum + stacks.total[one.node], 0);
  const options = stacks.processes.map((one, number) => ({one, number}))
      .sort((a, b) => stacks.total[b.one.node] - stacks.total[a.one.node])
      .map(({one, number}) => element('option', {value: number},
                                      `${stacks.text(stacks.frame[one.node])} (${percentText(stacks.total[one.node], total)})`));
  byId('process').append(...options);
}

// ---- Light and dark ----

const remembered = {  // a file:// page may have no storage
  get() { try { return localStorage.getItem('splitprof-theme'); } catch { return null; } },
  set(theme) { try { localStorage.setItem('splitprof-theme', theme); } catch { /* then it is not remembered */ } },
};
const systemDark = matchMedia('(prefers-color-scheme: dark)');

function showTheme(theme) {
  state.theme = theme;
  document.documentElement.dataset.theme = theme;
  byId('theme').setAttribute('aria-pressed', theme === 'dark');
  canvas.setTheme();
}

function showPreferredTheme() { showTheme(remembered.get() || (systemDark.matches ? 'dark' : 'light')); }

function toggleTheme() {
  showTheme(state.theme === 'dark' ? 'light' : 'dark');
  remembered.set(state.theme);
}

// ---- Mouse and keyboard ----

function neighbour(node, step) {
  const siblings = node.parent ? state.view.children(node.parent) : [node];
  return siblings[siblings.indexOf(node) + step];
}

function largestChild(node) {
  return state.view.children(node).reduce((best, child) => (!best || child.total > best.total ? child : best), null);
}

const graphKeys = {
  ArrowDown: node => select(largestChild(node)),
  ArrowUp: node => select(node.parent),
  ArrowLeft: node => select(neighbour(node, -1)),
  ArrowRight: node => select(neighbour(node, 1)),
  Enter: node => zoom(node),
};

const pageKeys = {
  '/': () => byId('search').focus(),
  'r': reset,
  'i': () => setView({inverted: !state.options.inverted}),
  'p': () => setView({byProcess: !state.options.byProcess}),
  't': () => showTable(byId('table').hidden),
  'd': toggleTheme,
  '?': () => byId('help').showModal(),
  'Escape': escape,
};

function escape() {
  if (byId('search').value) searchFor('');
  else if (canvas.zoomed !== state.view.root) zoom(state.view.root);
  byId('scroller').focus();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
  const typing = event.target.matches('input, select');
  if (typing && event.key !== 'Escape' && !(event.key === 'Enter' && event.target.id === 'search')) return;
  if (event.key === 'Enter' && event.target.id === 'search') return byId('scroller').focus();
  const inGraph = event.target === byId('scroller') || event.target === document.body;
  const action = inGraph && graphKeys[event.key];
  if (action) action(canvas.selected || canvas.zoomed);
  else if (pageKeys[event.key]) pageKeys[event.key]();
  else return undefined;
  return event.preventDefault();
}

function onMove(event) {
  const box = canvas.canvas.getBoundingClientRect();
  const node = canvas.nodeAt(event.clientX - box.left, event.clientY - box.top);
  if (node !== canvas.hovered) {
    canvas.hovered = node;
    canvas.schedule();
    if (node) describe(node);
  }
  canvas.canvas.style.cursor = node ? 'pointer' : 'default';
  showTooltip(node, event.clientX, event.clientY);
}

function onLeave() {
  canvas.hovered = null;
  canvas.schedule();
  showTooltip(null);
  describe(canvas.selected || canvas.zoomed);
}

function onClick() {
  if (!canvas.hovered) return;
  canvas.selected = canvas.hovered;
  showTooltip(null);
  zoom(canvas.hovered);
}

showRun(data.run);
showProcesses();
showPreferredTheme();
setView({});
systemDark.addEventListener('change', showPreferredTheme);
document.addEventListener('keydown', onKey);
byId('canvas').addEventListener('mousemove', onMove);
byId('canvas').addEventListener('mouseleave', onLeave);
byId('canvas').addEventListener('click', onClick);
byId('search').addEventListener('input', showMatches);
byId('process').addEventListener('change', event => setView({process: Number(event.target.value)}));
byId('by-process').addEventListener('click', pageKeys.p);
byId('invert').addEventListener('click', pageKeys.i);
byId('show-table').addEventListener('click', pageKeys.t);
byId('reset').addEventListener('click', () => zoom(state.view.root));
byId('theme').addEventListener('click', toggleTheme);
byId('show-help').addEventListener('click', pageKeys['?']);
byId('scroller').focus({preventScroll: true});
