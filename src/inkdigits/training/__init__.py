"""The workshop: trains, tunes, judges and explains recognisers. Needs the extra `[train]`."""
