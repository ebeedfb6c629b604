"""Raw memory for compiled loops: an array's data without its owner.

Numba counts references of every array that goes into a function; in a loop of many small functions
those atomic counts cost several times the work itself. `raw(array)` gives the bare pointer, which is
indexed like a one-dimensional array and is passed as one word. Whoever calls `raw` must hold the array
for as long as the pointer is used; there is no bounds check. Without the compiler (NUMBA_DISABLE_JIT)
`raw` is the array itself.
"""

import operator
from typing import Any

import numba
from numba import types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model


class RawType(types.Type):
    """A pointer to values of one type."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Raw({dtype})")


@register_model(RawType)
class _RawModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: RawType) -> None:
        super().__init__(dmm, fe_type, dmm.lookup(fe_type.dtype).get_data_type().as_pointer())


@infer_global(operator.getitem)
class _GetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], RawType) and isinstance(args[1], types.Integer):
            return signature(args[0].dtype, args[0], types.intp)
        return None


@infer_global(operator.setitem)
class _SetItem(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], RawType) and isinstance(args[1], types.Integer):
            return signature(types.none, args[0], types.intp, args[0].dtype)
        return None


@numba.extending.lower_builtin(operator.getitem, RawType, types.Integer)
def _lower_getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer, index = args
    return builder.load(builder.gep(pointer, [index]))


@numba.extending.lower_builtin(operator.setitem, RawType, types.Integer, types.Any)
def _lower_setitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pointer, index, value = args
    builder.store(value, builder.gep(pointer, [index]))
    return context.get_dummy_value()


@intrinsic
def _raw(typing_context: Any, array: Any) -> Any:
    found = signature(RawType(array.dtype), array)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        make = context.make_array(sig.args[0])
        return make(context, builder, args[0]).data

    return found, codegen


def raw(array: Any) -> Any:
    """The bare pointer of a contiguous array (inside compiled code), the array itself without a compiler."""
    return array


@numba.extending.overload(raw)
def _overload_raw(array: Any) -> Any:
    def get(array: Any) -> Any:
        return _raw(array)  # type: ignore[call-arg]

    return get


RAW_INTEGERS = RawType(types.int64)
RAW_FLOATS = RawType(types.float64)
