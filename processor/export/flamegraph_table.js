// SPDX-License-Identifier: Apache-2.0
//
// The functions with the most samples as a table: the view for numbers, for screen readers, and for copying.

const TABLE_ROWS = 100;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);  // strings become text nodes, never markup
  return made;
}

function percentText(part, whole) { return whole ? `${(100 * part / whole).toFixed(2)} %` : '–'; }
function countText(count) { return count.toLocaleString('en-US'); }

function fillTable(body, view, onChoose) {
  const {stacks, root} = view;
  const rows = view.functions().slice(0, TABLE_ROWS).map(({frame, self, total}) => {
    const name = element('button', {type: 'button', className: 'link', onclick: () => onChoose(stacks.text(frame))},
                         stacks.text(frame));
    const swatch = element('span', {className: `swatch ${stacks.kind(frame)}`, title: stacks.kind(frame)});
    return element('tr', {}, element('td', {className: 'number'}, percentText(self, root.total)),
                   element('td', {className: 'number'}, percentText(total, root.total)),
                   element('td', {className: 'number'}, countText(self)),
                   element('td', {}, swatch, name), element('td', {className: 'faint'}, stacks.module(frame)));
  });
  body.replaceChildren(...rows);
}
