// The directory of offheap.h and offheap_napi.h, for an addon's binding.gyp:
//   'include_dirs': ["<!(node -p \"require('offheap/include')\")"]
module.exports = require('node:path').join(__dirname, 'native', 'include')
