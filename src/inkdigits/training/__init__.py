"""The workshop: trains, tunes, judges and explains recognisers. The only part that imports PyTorch (extra `[train]`)."""
