"""Names that JavaScript, its hosts and its test runners bring. The interpreter tells "theirs" from unknown by them."""

_GLOBALS = """
    AbortController AbortSignal AggregateError Array ArrayBuffer Atomics BigInt Blob Boolean Buffer CustomEvent
    DOMParser DataView Date Element Error Event EventSource EventTarget File FileReader FinalizationRegistry
    Float32Array Float64Array FormData Function HTMLElement Headers Image Infinity Int16Array Int32Array Int8Array
    IntersectionObserver Intl Iterator JSON KeyboardEvent Map Math MessageChannel MouseEvent MutationObserver NaN Node
    Number Object Path2D PointerEvent Promise Proxy RangeError ReadableStream ReferenceError Reflect RegExp Request
    ResizeObserver Response Set SharedArrayBuffer String Symbol SyntaxError TextDecoder TextEncoder TypeError URIError
    URL URLSearchParams Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly
    WebSocket Worker WritableStream XMLHttpRequest alert atob btoa caches cancelAnimationFrame cancelIdleCallback
    clearImmediate clearInterval clearTimeout confirm console crypto customElements decodeURI decodeURIComponent
    document encodeURI encodeURIComponent escape eval fetch getComputedStyle global globalThis history importScripts
    indexedDB isFinite isNaN localStorage location matchMedia navigator parseFloat parseInt performance postMessage
    process prompt queueMicrotask requestAnimationFrame requestIdleCallback screen self sessionStorage setImmediate
    setInterval setTimeout structuredClone unescape window
    describe it test expect before after beforeEach afterEach beforeAll afterAll suite specify context jest vi assert
"""
_ARRAY = """
    at concat copyWithin entries every fill filter find findIndex findLast findLastIndex flat flatMap forEach includes
    indexOf join keys lastIndexOf length map pop push reduce reduceRight reverse shift slice some sort splice
    toReversed toSorted toSpliced unshift values with [Symbol.iterator]
"""


def _names(written: str) -> frozenset[str]:
    return frozenset(written.split())


GLOBALS = _names(_GLOBALS)
# Methods by kind of object; those of "object" are on all of them.
METHODS: dict[str, frozenset[str]] = {
    "object": _names("hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf"),
    "array": _names(_ARRAY),
    "function": _names("call apply bind toString length name"),
    "class": _names("call apply bind toString length name"),
    "promise": _names("then catch finally"),
    "generator": _names("next return throw map filter take drop forEach toArray [Symbol.iterator]"),
    "map": _names("get set has delete clear forEach keys values entries add size [Symbol.iterator]"),
}
