"""src/store/protocol/functions.yaml: the functions of the Redis library, what each takes and what it answers.

The head of that file says what the words in it mean. Made of it are
  store/functions.h  .c  a builder for each call of a program, structs of arguments that go together, words of replies
  store/records.h    .c  the readers of records
  store/blocking.h   .c  each call of a worker as one function: sent, waited for and read
  store/arguments.lua    the reader of each function's arguments, in the library
"""

import facts
from functions_c import blocking_c, blocking_h, functions_c, functions_h, records_c, records_h
from functions_lua import arguments_lua
from functions_table import read


if __name__ == "__main__":
    facts.main(read, {
        "store/functions.h": functions_h, "store/functions.c": functions_c, "store/records.h": records_h,
        "store/records.c": records_c, "store/blocking.h": blocking_h, "store/blocking.c": blocking_c,
        "store/arguments.lua": arguments_lua})
