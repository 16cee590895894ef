# What consensus/codec.py's variables are when it is compiled. Sizes, positions and the bytes of
# heads only: none is beyond 64 bits unsigned, and integers of the chain stay Python's.
cimport cython

cdef unsigned char _UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _TAG, _SIMPLE
cdef unsigned char _LINK_TAG, _FALSE, _TRUE, _NONE

cdef _write(bytearray out, value)

cdef _write_integer(bytearray out, value)

cdef _write_head(bytearray out, int major, unsigned long long argument)

@cython.locals(
    view="const unsigned char *",
    end=Py_ssize_t,
    size=Py_ssize_t,
    start=Py_ssize_t,
    initial="unsigned char",
    major="unsigned char",
    argument="unsigned long long",
    missing="unsigned long long",
    items=list,
    around=list,
)
cpdef tuple decode_at(bytes data, Py_ssize_t position)

@cython.locals(size=Py_ssize_t, place=Py_ssize_t, value="unsigned long long")
cdef unsigned long long _read_long(
    const unsigned char *view, Py_ssize_t position, Py_ssize_t end, unsigned char short
) except 0

@cython.locals(raw=object)
cdef tuple _read_link(bytes data, Py_ssize_t position, unsigned long long tag)
