{
  # As the addon of somebody else would be: it knows of offheap only where its headers are.
  'targets': [
    {
      'target_name': 'holder',
      'sources': ['holder.c'],
      'include_dirs': ["<!(node -p \"require('offheap/include')\")"],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['-std=c11', '-Wall', '-Wextra', '-Werror'],
      'conditions': [['OS=="linux"', { 'libraries': ['-lpthread'] }]],
    },
  ],
}
