{
  # Two targets, so that the flags of C and of C++ need not be told apart: MSVC takes /std: for both.
  # Sources: scripts/native-sources.mjs, as in CMakeLists.txt.
  'target_defaults': {
    'include_dirs': ['native/include', 'native/core'],
    'cflags': ['-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
    # malloc and free are a dozen instructions each way: a frame pointer and unrolled loops cost 3 %.
    'cflags!': ['-O3', '-fno-omit-frame-pointer'],
    'xcode_settings': {
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'CLANG_CXX_LIBRARY': 'libc++',
      'GCC_C_LANGUAGE_STANDARD': 'c11',
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
      'GCC_TREAT_WARNINGS_AS_ERRORS': 'YES',
      'MACOSX_DEPLOYMENT_TARGET': '11.0',
      'WARNING_CFLAGS': ['-Wall', '-Wextra'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': { 'WarningLevel': 4, 'WarnAsError': 'true' },
    },
  },
  'targets': [
    {
      'target_name': 'offheap_core',
      'type': 'static_library',
      'win_delay_load_hook': 'false',
      'sources': ['<!@(node scripts/native-sources.mjs core)'],
      'cflags_c': ['-std=c11'],
      'msvs_settings': {
        'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c11', '/experimental:c11atomics'] },
      },
    },
    {
      'target_name': 'offheap',
      'dependencies': ['offheap_core'],
      'sources': ['<!@(node scripts/native-sources.mjs addon)'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      # A worker may be terminated inside of a call: what can then not be thrown must not end the process.
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags_cc': ['-std=c++17', '-fexceptions'],
      'cflags_cc!': ['-fno-exceptions'],
      'msvs_settings': {
        'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17'], 'ExceptionHandling': 1 },
      },
      'conditions': [
        ['OS=="linux"', { 'libraries': ['-ldl', '-lpthread'] }],
      ],
    },
  ],
}
