"""Any web page as a task: free browsing, a task of your own in Python, or a YAML file.

**Free browsing** has a goal but no reward; it ends when the agent says so, or at the limit::

    env = gymnasium.make("agentenv/Browser-v0", url="https://example.org", goal="Look around.")

**In Python** a function judges what a JavaScript expression reads from the page::

    task = WebTask(
        url="https://shop.example/",
        goal="Put {count} lamps into the cart.",
        parameters={"count": {"train": [1, 2, 3], "test": [4, 5]}},
        state="({lamps: cart.count('lamp'), wanted: parameters.count})",
        verify=lambda state, answer: float(state["lamps"] == state["wanted"]),
        network=["https://shop.example/*"],
        viewport="pixel-8",
    )
    env = gymnasium.make("agentenv/Browser-v0", task=task)

Whatever does not fit is a subclass of `WebTask`, or of `agentenv.tasks.base.Task`.

**As data**, where success is a condition (`agentenv.tasks.web.conditions` lists them)::

    # my_tasks.yaml
    defaults:                      # shared by the tasks below
      url: https://shop.example/   # or a path from here, such as shop/index.html
      network: ["https://shop.example/*"]
    tasks:
      buy:
        goal: Buy the {product.name}.
        parameters:
          product:                 # a value may have parts
            train: [{name: Lamp, price: 12}, {name: Kettle, price: 30}]
            test: [{name: Clock, price: 25}]
        success:                   # several keys: all of them
          url: "*/thanks*"
          text: "{product.name}"
          not: {script: "cart.total() !== parameters.product.price"}
        partial:
          - {when: {script: cart.total() > 0}, reward: 0.3}
        oracle:                    # optional: actions, aimed by label
          - {type: tap, label: "{product.name}"}
          - {type: tap, label: Buy now}

``agentenv suites my_tasks.yaml`` checks the file and lists its tasks. Every command takes
``my_tasks.yaml`` or ``my_tasks.yaml#buy`` where it takes a task, and so does
``gymnasium.make("agentenv/Browser-v0", task="my_tasks.yaml#buy")``.
"""

from __future__ import annotations

from agentenv.tasks.web.files import load_task, load_tasks
from agentenv.tasks.web.task import WebTask

__all__ = ["WebTask", "load_task", "load_tasks"]
