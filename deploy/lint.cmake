# The target `lint`: clang-format over every C++ source that git knows, clang-tidy over every
# translation unit of ours in compile_commands.json. Included by the root when MIXMATCH_LINT is on.
option(MIXMATCH_LINT "Define the target 'lint'" OFF)
if(MIXMATCH_LINT)
  find_program(CLANG_FORMAT_PROGRAM clang-format REQUIRED)
  find_program(CLANG_TIDY_PROGRAM clang-tidy REQUIRED)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_custom_target(lint
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/lint.py
      --source ${CMAKE_SOURCE_DIR} --build ${CMAKE_BINARY_DIR}
      --clang-format ${CLANG_FORMAT_PROGRAM} --clang-tidy ${CLANG_TIDY_PROGRAM}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    USES_TERMINAL
    COMMENT "clang-format and clang-tidy")
  # Generated protocol headers must be there before clang-tidy reads what includes them.
  foreach(generated mixmatch_proto mixmatch_storage_records mixmatch_standard_protos)
    if(TARGET ${generated})
      add_dependencies(lint ${generated})
    endif()
  endforeach()
endif()
