# The Debian package, made by "cmake --build DIRECTORY --target package" in a build for /usr:
#   cmake -S . -B build/package -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr
# What is only in the package is in config/debian: a Redis of its own, and the maintainer's scripts.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    return()
endif()

set(debian ${PROJECT_SOURCE_DIR}/config/debian)

# The documented example with the places of the package in it, so that there is one text.
set(PACKAGED_CONFIG ${PROJECT_BINARY_DIR}/debian/appbackup.yaml)
function(set_key text_variable commented value)
    string(FIND "${${text_variable}}" "${commented}" place)
    if(place EQUAL -1)
        message(FATAL_ERROR "config/appbackup.yaml has no '${commented}' any more")
    endif()
    string(REPLACE "${commented}" "${value}" text "${${text_variable}}")
    set(${text_variable} "${text}" PARENT_SCOPE)
endfunction()

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS config/appbackup.yaml)
file(READ config/appbackup.yaml packaged)
# Brackets and semicolons are lists to CMake; as bytes they go through.
string(REPLACE ";" "<semicolon>" packaged "${packaged}")
string(REPLACE "[" "<open>" packaged "${packaged}")
string(REPLACE "]" "<close>" packaged "${packaged}")
set_key(packaged "#master_key_file: master.key" "master_key_file: credential:appbackup.master-key")
set_key(packaged "  #address: 127.0.0.1:6379" "  address: unix:/run/appbackup-redis/redis.sock")
set_key(packaged "  #username: appbackup" "  username: credential:appbackup.redis-user")
set_key(packaged "  #password_file: redis-password"
    "  password_file: credential:appbackup.redis-password")
string(REPLACE "<semicolon>" ";" packaged "${packaged}")
string(REPLACE "<open>" "[" packaged "${packaged}")
string(REPLACE "<close>" "]" packaged "${packaged}")
file(WRITE ${PACKAGED_CONFIG} "${packaged}")

install(FILES ${PACKAGED_CONFIG} ${debian}/redis.conf DESTINATION /etc/appbackup)
install(FILES config/apps.d/postgresql.yaml config/apps.d/website.yaml
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/appbackup/examples/apps.d)
install(DIRECTORY DESTINATION /etc/appbackup/apps.d)
install(DIRECTORY DESTINATION /etc/appbackup/tokens.d)
install(FILES config/redis-acl.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/appbackup)
install(FILES ${debian}/appbackup-redis.service DESTINATION ${SYSTEMD_UNIT_DIR})
install(FILES ${debian}/appbackupd-redis.conf
    DESTINATION ${SYSTEMD_UNIT_DIR}/appbackupd.service.d RENAME redis.conf)
install(FILES ${debian}/appbackup-worker-redis.conf
    DESTINATION ${SYSTEMD_UNIT_DIR}/appbackup-worker.service.d RENAME redis.conf)
install(FILES ${debian}/appbackup-redis.sysusers DESTINATION lib/sysusers.d
    RENAME appbackup-redis.conf)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/appbackup RENAME copyright)

set(conffiles ${PROJECT_BINARY_DIR}/debian/conffiles)
file(WRITE ${conffiles} "/etc/appbackup/appbackup.yaml\n/etc/appbackup/redis.conf\n")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME appbackup)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION}${PACKAGE_VERSION_SUFFIX})
set(CPACK_PACKAGE_CONTACT "appbackup developers <appbackup@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backups of applications on request, over an HTTP API")
set(CPACK_PACKAGE_DESCRIPTION "A front end takes requests in the dialect of the Astra Control REST API; a worker on each
host quiesces the application, takes a snapshot and uploads it to a restic repository.
Records and queue are in a Redis of its own.")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
    GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "redis-server (>= 5:7), restic (>= 0.14), systemd (>= 252), init-system-helpers (>= 1.54), adduser")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${debian}/postinst ${debian}/prerm ${debian}/postrm ${conffiles})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
