"""The program of one file, reduced to what decides which functions are called: nested lists that JSON can hold.

Written by the lowering, read by the interpreter. The first item of every list is one of the numbers below; the rest is
as the comment beside it says. E is an expression, P a pattern (a NAME, a CHAIN that ends in a member, ARRAY, OBJECT,
SPREAD or DEFAULT), B a list of statements, NAMES the names a block declares. Every expression is a statement, too.
A program is a list with one entry per definition of the file, in the order of ``FileFacts.definitions``.
"""

from typing import Any

Node = list[Any]

# Expressions
NAME = 0  # name
STRING = 1  # text
NUMBER = 2  # text
OTHER = 3  # kind: a value of a builtin type, or "?" for one that cannot be followed
THIS = 4
FUNCTION = 5  # definition
CLASS = 6  # definition
ARRAY = 7  # [E or null]
OBJECT = 8  # [[how, key, E]]: how is one of the four below, key a text or E; in patterns [[key, P]]
CHAIN = 9  # E, [step]: a step is [MEMBER, key, line] or [CALL, [E], site]
NEW = 10  # E, [E], site
ASSIGN = 11  # P, E
EITHER = 12  # [E]: one of them is the value, and only the first is surely evaluated
ALL = 13  # [E], kind: all are evaluated; the value is the last one, or something of a builtin type if kind is given
AWAIT = 14  # E
YIELD = 15  # E, whether it delegates
SPREAD = 16  # E or P
ELEMENT = 17  # E of the component, OBJECT of its properties, [E] of its children, site
SUPER = 18
IMPORT_CALL = 19  # E
DEFAULT = 20  # P, E
TYPED = 21  # E or null, dotted name of the type; "~" before it for a promise of it
OR = 22  # [E]: the first that is true, or with ?? that is there, is the value

# How an entry of an object comes to its value
VALUE, GETTER, SETTER, REST = 0, 1, 2, 3
# Steps of a chain
MEMBER, CALL = 0, 1

# Statements
BLOCK = 30  # NAMES, B
IF = 31  # [B]
LOOP = 32  # NAMES, B
FOR_OF = 33  # P, E, NAMES, B, site
FOR_IN = 34  # P, E, NAMES, B
RETURN = 35  # E
TRY = 36  # B, P or null, NAMES, B, B
DECLARE = 37  # name, definition: a function declaration, in force from the start of its block
IMPORT = 38  # local name, module as written, imported name; "*" is everything
EXPORT = 39  # exported name, local name
EXPORT_VALUE = 40  # exported name, E
EXPORT_FROM = 41  # exported name, module as written, imported name
EXPORT_ALL = 42  # module as written
EXPORT_EQUALS = 43  # E
NAMESPACE = 44  # name, NAMES, B
DECORATE = 45  # definition or -1, E, site

# Entries of a program. A function: [FUNCTION, flags, [P], NAMES, B, dotted name of the declared result, its own name
# where only it sees that].
# A class: [CLASS, own name, E of the base or null, [member], [dotted name of an interface]].
ARROW, ASYNC, GENERATOR = 1, 2, 4
# A member: [kind, static, key as text or E, E or null]
METHOD, GET, SET, FIELD, INITIALIZER = 0, 1, 2, 3, 4
