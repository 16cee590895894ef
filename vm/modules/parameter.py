"""The parameters of all modules, kept in one table."""

from vm.declare import Module
from vm.parameter import VALUES

parameter = Module("parameter", "The values of all modules' parameters.")
parameter.adopt_table(VALUES)
