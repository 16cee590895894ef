# What consensus/tree.py's variables are when it is compiled: sizes, places of slots, and masks of 32
# bits. Nodes and paths stay Python's bytes.
cimport cython

cdef Py_ssize_t _SLOTS, _MASK_BYTES, _INNER_BYTES, _LEAF_BYTES

cpdef bytes leaf_hash(bytes leaf)

cpdef bytes inner_hash(bytes left, bytes right)

@cython.locals(slots=list, groups=dict, nibble=Py_ssize_t, node=bytes)
cdef bytes _change_page(read_page, dict pages, bytes position, bytes stored, changes)

cdef bytes _change_slot(read_page, dict pages, bytes position, bytes node, changes)

@cython.locals(masks="unsigned long", nibble=Py_ssize_t, start=Py_ssize_t, size=Py_ssize_t, slots=list)
cdef list _split(bytes position, bytes page)

@cython.locals(node=bytes)
cdef bytes _join(list slots)

@cython.locals(above=list, i=Py_ssize_t, left=bytes, right=bytes)
cdef bytes _node_above(list slots)

cdef bytes _node_hash(bytes node)

@cython.locals(byte="unsigned char")
cdef Py_ssize_t _nibble(bytes path, Py_ssize_t index)
