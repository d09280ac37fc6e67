# Two sets: build_flags for everything, strict_warnings for the modules only, since Criterion's macros
# do not survive -Wconversion.
add_library(build_flags INTERFACE)
target_include_directories(build_flags INTERFACE ${PROJECT_SOURCE_DIR}/include ${GENERATED_DIR})
target_compile_definitions(build_flags INTERFACE _GNU_SOURCE
    APPBACKUP_VERSION="${PROJECT_VERSION}")
target_compile_options(build_flags INTERFACE
    -Wall -Wextra -Wshadow $<$<BOOL:${WERROR}>:-Werror>
    -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>
    $<$<C_COMPILER_ID:GNU>:-ftrivial-auto-var-init=zero>)
target_link_options(build_flags INTERFACE
    -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
if(SANITIZE)
    target_compile_options(build_flags INTERFACE -fsanitize=${SANITIZE} -fno-sanitize-recover=all
        -U_FORTIFY_SOURCE)
    target_link_options(build_flags INTERFACE -fsanitize=${SANITIZE})
endif()
if(COVERAGE)
    target_compile_options(build_flags INTERFACE --coverage)
    target_link_options(build_flags INTERFACE --coverage)
endif()

add_library(strict_warnings INTERFACE)
target_compile_options(strict_warnings INTERFACE
    -Wpedantic -Wconversion -Wsign-conversion -Wundef -Wvla -Walloca -Wformat=2 -Wcast-qual
    -Wcast-align -Wwrite-strings -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wredundant-decls -Wnested-externs -Winit-self -Wswitch-enum
    -Wimplicit-fallthrough -Wdouble-promotion -Wfloat-equal -Wdate-time -Wnull-dereference
    -Wno-missing-field-initializers
    $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op
        -Wjump-misses-init -Warith-conversion -Wformat-signedness -Wformat-overflow=2
        -Wformat-truncation=1 -Wcast-align=strict -Wstringop-overflow=4 -Wtrampolines>
    $<$<C_COMPILER_ID:Clang>:-Wmissing-variable-declarations -Wconditional-uninitialized -Wcomma
        -Wunreachable-code-aggressive -Wassign-enum>)
