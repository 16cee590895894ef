"""The modules of the chain; `vm.registry` lists them."""
