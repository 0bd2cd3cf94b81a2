"""What every test shares."""

from __future__ import annotations

import torch

# Tests run beside browsers on few cores, where two threads of torch are slower than one.
torch.set_num_threads(1)
