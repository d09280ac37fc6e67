# add_module(NAME [NEEDS module...] [LIBRARIES target...]): a static library of the .c files of
# src/NAME and of its folders.
function(add_module name)
    cmake_parse_arguments(ARG "" "" "NEEDS;LIBRARIES" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.c)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name}
        PUBLIC build_flags ${ARG_NEEDS} ${ARG_LIBRARIES}
        PRIVATE strict_warnings)
endfunction()

# add_program(NAME [SBIN] [PARTS pattern...] NEEDS module...): an executable of src/main/NAME.c, and of
# what fits the patterns beside it; installed.
function(add_program name)
    cmake_parse_arguments(ARG "SBIN" "" "PARTS;NEEDS" ${ARGN})
    set(parts)
    if(ARG_PARTS)
        list(TRANSFORM ARG_PARTS PREPEND ${PROJECT_SOURCE_DIR}/src/main/)
        file(GLOB parts CONFIGURE_DEPENDS ${ARG_PARTS})
    endif()
    add_executable(${name} ${PROJECT_SOURCE_DIR}/src/main/${name}.c ${parts})
    target_link_libraries(${name} PRIVATE ${ARG_NEEDS} strict_warnings)
    if(ARG_SBIN)
        install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_SBINDIR})
    else()
        install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endfunction()

# embed_text(MODULE SYMBOL NAME FILE...): the files' bytes, one behind the other, as `const char SYMBOL[]`
# with a NUL behind them, and `const size_t SYMBOL_len`; made again when a file changes. The same text is
# in the build directory, for tests: generated/MODULE/NAME; the target embedded_texts makes just these.
add_custom_target(embedded_texts)
function(embed_text module symbol name)
    set(output ${PROJECT_BINARY_DIR}/embedded/${symbol}.c)
    set(text ${PROJECT_BINARY_DIR}/generated/${module}/${name})
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated/${module})
    list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE inputs)
    list(JOIN inputs " " input_list)
    add_custom_command(OUTPUT ${output} ${text}
        COMMAND ${CMAKE_COMMAND} -DINPUTS=${input_list} -DTEXT=${text} -DOUTPUT=${output} -DSYMBOL=${symbol}
            -P ${PROJECT_SOURCE_DIR}/config/cmake/embed.cmake
        DEPENDS ${inputs} ${PROJECT_SOURCE_DIR}/config/cmake/embed.cmake
        VERBATIM)
    target_sources(${module} PRIVATE ${output})
    add_custom_target(embedded_${symbol} DEPENDS ${text})
    add_dependencies(embedded_texts embedded_${symbol})
endfunction()
