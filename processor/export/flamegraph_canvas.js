// SPDX-License-Identifier: Apache-2.0
//
// Draws a view on a canvas: only rows in sight and only nodes wide enough to be seen. Text goes to fillText, never
// into markup.

const ROW = 19;           // CSS pixels
const MIN_WIDTH = 0.4;    // narrower nodes are not laid out
const MAX_ROWS = 4096;

// `base`: hue, saturation and lightness of the frame's class, "30 88% 74%"; the name moves hue and lightness a little.
function colourOf(base, name) {
  let hash = 0;
  for (let i = 0; i < name.length && i < 40; ++i) hash = (hash * 31 + name.charCodeAt(i)) | 0;
  const vary = ((hash >>> 8) % 101) / 50 - 1;  // −1 … 1
  const [hue, saturation, lightness] = base.split(/\s+/).map(parseFloat);
  return `hsl(${hue + vary * 9} ${saturation}% ${lightness + (saturation < 15 ? 0 : vary * 4)}%)`;
}

class FlameCanvas {
  constructor(scroller, canvas, spacer) {
    this.scroller = scroller;
    this.canvas = canvas;
    this.spacer = spacer;
    this.context = canvas.getContext('2d', {alpha: false});
    this.rows = [];  // rows[depth]: rectangles {node, x, width}, from left to right
    this.colours = new Map();
    this.matches = null;
    this.scheduled = false;
    scroller.addEventListener('scroll', () => this.schedule());
    new ResizeObserver(() => this.show(this.view, this.zoomed)).observe(scroller);
  }

  show(view, zoomed) {
    if (!view) return;
    this.view = view;
    this.zoomed = zoomed;
    this.width = this.scroller.clientWidth;
    this.height = this.scroller.clientHeight;
    this.layOut();
    this.spacer.style.height = `${Math.max(this.rows.length * ROW, this.height)}px`;
    this.schedule();
  }

  layOut() {
    const rows = [];
    const place = (node, x, width) => (rows[node.depth] = rows[node.depth] || []).push({node, x, width});
    for (let node = this.zoomed.parent; node; node = node.parent) place(node, 0, this.width);
    const scale = this.zoomed.total ? this.width / this.zoomed.total : 0;
    let level = [{node: this.zoomed, x: 0, width: this.width}];
    while (level.length && rows.length < MAX_ROWS) {
      const next = [];
      for (const {node, x, width} of level) {
        place(node, x, width);
        let left = x;
        for (const child of this.view.children(node)) {
          const childWidth = child.total * scale;
          if (childWidth >= MIN_WIDTH) next.push({node: child, x: left, width: childWidth});
          left += childWidth;
        }
      }
      level = next;
    }
    this.rows = rows;
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  // The page's colours have changed.
  setTheme() {
    const style = getComputedStyle(this.scroller);
    const colour = name => style.getPropertyValue(`--${name}`).trim();
    this.palette = {
      background: colour('surface'), text: colour('frame-text'), match: colour('match'),
      matchText: colour('match-text'), outline: colour('text'),
    };
    this.classColours = Object.fromEntries(CLASSES.map(kind => [kind, colour(kind)]));
    this.colours.clear();
    this.schedule();
  }

  draw() {
    const {canvas, context, width, height} = this;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.palette.background;
    context.fillRect(0, 0, width, height);
    context.font = '12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
    context.textBaseline = 'middle';
    this.letter = context.measureText('m').width;
    const top = this.scroller.scrollTop;
    const last = Math.min(this.rows.length, Math.ceil((top + height) / ROW));
    for (let depth = Math.floor(top / ROW); depth < last; ++depth) {
      for (const rectangle of this.rows[depth] || []) this.drawFrame(rectangle, depth * ROW - top);
    }
    this.outline(this.hovered, top, 1);
    this.outline(this.selected, top, 2);
  }

  drawFrame({node, x, width}, y) {
    const {context, palette} = this;
    const {stacks} = this.view;
    const name = node.frame < 0 ? 'all' : stacks.text(node.frame);
    const matched = this.matches && node.frame >= 0 && this.matches[node.frame];
    context.globalAlpha = node.depth < this.zoomed.depth ? 0.55 : this.matches && !matched ? 0.6 : 1;
    context.fillStyle = matched ? palette.match : this.colour(node.frame, name);
    context.fillRect(x, y, Math.max(width - (width > 3 ? 1 : 0), 0.4), ROW - 1);
    context.globalAlpha = 1;
    const letters = Math.floor((width - 9) / this.letter);
    if (letters < 3) return;
    const text = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
    context.fillStyle = matched ? palette.matchText : palette.text;
    context.fillText(text, x + 4, y + ROW / 2, width - 6);
  }

  colour(frame, name) {
    let colour = this.colours.get(frame);
    if (!colour) {
      colour = colourOf(this.classColours[frame < 0 ? 'process' : this.view.stacks.kind(frame)], name);
      this.colours.set(frame, colour);
    }
    return colour;
  }

  outline(node, top, thickness) {
    const rectangle = node && this.rectangleOf(node);
    if (!rectangle) return;
    this.context.strokeStyle = this.palette.outline;
    this.context.lineWidth = thickness;
    const inset = thickness / 2;
    this.context.strokeRect(rectangle.x + inset, node.depth * ROW - top + inset,
                            Math.max(rectangle.width - 1 - thickness, 1), ROW - 1 - thickness);
  }

  rectangleOf(node) { return (this.rows[node.depth] || []).find(rectangle => rectangle.node === node); }

  // The node at a place of the canvas, in CSS pixels.
  nodeAt(x, y) {
    const row = this.rows[Math.floor((y + this.scroller.scrollTop) / ROW)] || [];
    let low = 0, high = row.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const {node, x: left, width} = row[middle];
      if (x < left) high = middle - 1;
      else if (x >= left + width) low = middle + 1;
      else return node;
    }
    return null;
  }

  scrollTo(node) {
    const y = node.depth * ROW;
    const top = this.scroller.scrollTop;
    if (y < top) this.scroller.scrollTop = y;
    else if (y + ROW > top + this.height) this.scroller.scrollTop = y + ROW - this.height;
  }
}
