import torch

# Two threads that wait for each other on busy cores are slower than one.
torch.set_num_threads(1)
