"""Who counts as one person, where something is paid by the head."""

from vm.modules.personhood.tables import is_person, personhood

__all__ = ["is_person", "personhood"]
