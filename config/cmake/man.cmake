# Man pages and completion. Two pages have their text from where it is anyway: the commands from the program's own
# --help, the keys from their table and the documented examples.
set(man ${PROJECT_SOURCE_DIR}/docs/man)
set(made ${PROJECT_BINARY_DIR}/man)

add_custom_command(OUTPUT ${made}/appbackupctl.1 ${made}/appbackup.yaml.5
    COMMAND sh ${man}/make $<TARGET_FILE:appbackupctl> ${GENERATED_DIR}/config/keys.roff ${PROJECT_SOURCE_DIR} ${made}
    DEPENDS appbackupctl ${GENERATED_DIR}/config/keys.roff ${man}/make ${man}/appbackupctl.1.in ${man}/appbackup.yaml.5.in
        config/appbackup.yaml config/apps.d/website.yaml
    VERBATIM)
set(pages)
foreach(page ${made}/appbackupctl.1 ${made}/appbackup.yaml.5 ${man}/appbackupd.8 ${man}/appbackup-worker.8)
    get_filename_component(name ${page} NAME)
    string(REGEX MATCH "[0-9]$" section ${name})
    add_custom_command(OUTPUT ${made}/${name}.gz
        COMMAND ${CMAKE_COMMAND} -E make_directory ${made}
        COMMAND sh -c "gzip -9nc '${page}' >'${made}/${name}.gz'"
        DEPENDS ${page} VERBATIM)
    list(APPEND pages ${made}/${name}.gz)
    install(FILES ${made}/${name}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
add_custom_target(man_pages ALL DEPENDS ${pages})

install(FILES config/completion/appbackupctl
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
