# The units of systemd/, with the paths of this installation in them, and where systemd looks for them:
# below the prefix for /usr and /usr/local.
set(SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "Where units are installed")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    pkg_get_variable(unit_dir systemd systemdsystemunitdir) # Debian 12: not below /usr
    if(unit_dir)
        set(SYSTEMD_UNIT_DIR ${unit_dir})
    endif()
endif()

file(GLOB unit_templates CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/systemd/*.in)
foreach(template ${unit_templates})
    get_filename_component(unit ${template} NAME_WLE)
    configure_file(${template} ${PROJECT_BINARY_DIR}/systemd/${unit} @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/systemd/${unit} DESTINATION ${SYSTEMD_UNIT_DIR})
endforeach()

install(FILES
    systemd/appbackupd.socket systemd/appbackup.target systemd/appbackup.slice
    DESTINATION ${SYSTEMD_UNIT_DIR})
install(FILES systemd/appbackup.catalog DESTINATION lib/systemd/catalog)
install(FILES systemd/appbackup.sysusers DESTINATION lib/sysusers.d RENAME appbackup.conf)
install(FILES systemd/appbackup.tmpfiles DESTINATION lib/tmpfiles.d RENAME appbackup.conf)
