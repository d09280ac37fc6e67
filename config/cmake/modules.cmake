# Facts that are declared once, in YAML beside the module that owns them; what is made of them is here.
set(GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)
add_custom_target(generated)

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

# generate(MODULE SCRIPT NAME FACTS file... OUTPUTS file...): runs config/cmake/generate/NAME.py over the facts. An output is
# GENERATED_DIR/<module>/<name>: headers are found as "<module>/<name>.h", sources become part of the module, and what
# links to the module waits for all of them. The target `generated` makes what all calls make, and nothing else.
function(generate module)
    cmake_parse_arguments(ARG "" "SCRIPT" "FACTS;OUTPUTS" ${ARGN})
    set(scripts ${PROJECT_SOURCE_DIR}/config/cmake/generate)
    list(TRANSFORM ARG_FACTS PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE facts)
    list(TRANSFORM ARG_OUTPUTS PREPEND ${GENERATED_DIR}/ OUTPUT_VARIABLE outputs)
    file(GLOB parts CONFIGURE_DEPENDS ${scripts}/*.py)
    add_custom_command(OUTPUT ${outputs}
        COMMAND ${Python3_EXECUTABLE} -B ${scripts}/${ARG_SCRIPT}.py --facts ${facts}
            --directory ${GENERATED_DIR} --outputs ${ARG_OUTPUTS}
        DEPENDS ${facts} ${parts}
        COMMENT "Generating from ${ARG_FACTS}"
        VERBATIM)
    set(sources ${outputs})
    list(FILTER sources INCLUDE REGEX "\\.c$")
    target_sources(${module} PRIVATE ${sources})
    add_custom_target(generated_${ARG_SCRIPT} DEPENDS ${outputs})
    add_dependencies(${module} generated_${ARG_SCRIPT})
    add_dependencies(generated generated_${ARG_SCRIPT})
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
# in the build directory, for tests: generated/MODULE/NAME; the target embedded_texts makes just these. A path
# begins at the top of the project, unless it is absolute.
add_custom_target(embedded_texts)
function(embed_text module symbol name)
    set(output ${PROJECT_BINARY_DIR}/embedded/${symbol}.c)
    set(text ${GENERATED_DIR}/${module}/${name})
    file(MAKE_DIRECTORY ${GENERATED_DIR}/${module})
    set(inputs)
    foreach(path ${ARGN})
        cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
        list(APPEND inputs ${path})
    endforeach()
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
