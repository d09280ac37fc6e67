# Called by embed_text() with INPUTS (files, a space between two), TEXT, OUTPUT and SYMBOL.
separate_arguments(INPUTS)
execute_process(COMMAND ${CMAKE_COMMAND} -E cat ${INPUTS} OUTPUT_FILE ${TEXT} COMMAND_ERROR_IS_FATAL ANY)
file(READ ${TEXT} bytes HEX)
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
