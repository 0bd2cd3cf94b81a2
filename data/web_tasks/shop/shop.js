// A shop without a server: the products are here, the cart is kept in the address.
'use strict';

const PRODUCTS = [
  { id: 'lamp', name: 'Desk lamp', category: 'Home', price: 24, about: 'Warm light, long arm.' },
  { id: 'kettle', name: 'Kettle', category: 'Kitchen', price: 31, about: 'Boils a litre in two minutes.' },
  { id: 'clock', name: 'Wall clock', category: 'Home', price: 18, about: 'Ticks quietly.' },
  { id: 'mug', name: 'Mug', category: 'Kitchen', price: 7, about: 'Holds 300 ml.' },
  { id: 'tent', name: 'Tent', category: 'Outdoor', price: 120, about: 'Sleeps two, weighs 2 kg.' },
  { id: 'torch', name: 'Torch', category: 'Outdoor', price: 15, about: 'Shines for 20 hours.' },
  { id: 'rug', name: 'Rug', category: 'Home', price: 60, about: 'Wool, 120 by 180 cm.' },
  { id: 'pan', name: 'Frying pan', category: 'Kitchen', price: 38, about: 'Iron, 28 cm.' },
  { id: 'bottle', name: 'Water bottle', category: 'Outdoor', price: 12, about: 'Steel, one litre.' },
];

const query = new URLSearchParams(location.search);

// What is in the cart: ids, one for each piece. Task files read it.
const cart = (query.get('cart') || '').split(',').filter(Boolean);

// The address of a page of the shop, with the cart.
const link = (page, fields, items = cart) =>
  `${page}?${new URLSearchParams({ ...fields, ...(items.length ? { cart: items.join(',') } : {}) })}`;

const product = (id) => PRODUCTS.find((one) => one.id === id);

// An element with attributes and children; texts are never read as HTML.
const make = (tag, attributes, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

const header = () => document.body.prepend(make('header', {},
  make('a', { href: link('index.html') }, 'Small shop'),
  make('a', { href: link('cart.html') }, `Cart (${cart.length})`)));
