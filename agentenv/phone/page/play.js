// The page around a phone at which a person does a task: orders go to the server as JSON.
'use strict';
const at = (id) => document.getElementById(id);
at('phone').src = location.pathname.replace(/play$/, '');

const order = async (what) => {
  const response = await fetch(location.pathname, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what),
  });
  const text = await response.text();
  if (!response.ok) return { said: text };
  return JSON.parse(text);
};
// The owner's answer shows on the phone too, once its page is loaded anew.
const tell = async (what) => {
  at('said').textContent = '...';
  at('said').textContent = (await order(what)).said;
  at('phone').contentWindow.location.reload();
};
const list = (id, lines) => at(id).replaceChildren(...lines.map(([text, more]) => {
  const item = document.createElement('li');
  item.textContent = text;
  if (more) item.appendChild(document.createElement('small')).textContent = more;
  return item;
}));
const on = (id, act) => at(id).addEventListener('submit', (event) => {
  event.preventDefault();
  act(...[...event.target.querySelectorAll('input')].map((field) => field.value));
});

document.querySelectorAll('.read').forEach((button) => {
  button.addEventListener('click', () => tell({ do: 'read', key: button.dataset.key }));
});
on('ask', (value) => tell({ do: 'ask', value }));
on('save', (key, value) => tell({ do: 'save', key, value }));
on('done', async (value) => {
  const result = await order({ do: 'done', value });
  if (result.said) {
    at('said').textContent = result.said;
    return;
  }
  at('work').hidden = true;
  at('end').hidden = false;
  at('phone').inert = true;
  at('verdict').textContent = result.success ? 'Done, as it should be' : 'Not done';
  at('verdict').className = result.success ? 'good' : 'bad';
  at('audit').textContent = result.audit;
  list('findings', result.findings.map((one) => [`${one.severity}: ${one.message}`, one.enough]));
  list('changes', result.changes.length ? result.changes.map((one) => [one]) : [['nothing']]);
});
