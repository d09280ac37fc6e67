# Called by embed_text() with INPUTS (files, a space between two), OUTPUT and SYMBOL.
separate_arguments(INPUTS)
set(bytes)
foreach(input ${INPUTS})
    file(READ ${input} part HEX)
    string(APPEND bytes ${part})
endforeach()
string(LENGTH "${bytes}" digits)
math(EXPR len "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n"
    bytes "${bytes}")
file(WRITE ${OUTPUT}
    "#include <stddef.h>\n\n"
    "extern const char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_len;\n\n"
    "const size_t ${SYMBOL}_len = ${len};\n"
    "const char ${SYMBOL}[] = {\n${bytes}0};\n")
