# Called by embed_text() with INPUT, OUTPUT and SYMBOL.
file(READ ${INPUT} bytes HEX)
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
