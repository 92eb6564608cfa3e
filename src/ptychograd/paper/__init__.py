"""The experiments of Kandel et al. 2019 as data: constants with units and the section they come from."""
